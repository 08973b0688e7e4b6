import { parseArgs } from 'node:util';
import { UsageError } from '../options.js';

export const TARGETS = ['sqlite', 'mariadb'] as const;
export type TargetKind = (typeof TARGETS)[number];

export interface ImportBenchOptions {
  readonly rows: number;
  readonly databases: readonly TargetKind[];
  /** A database of the existing server; null = one is made. */
  readonly source: string | null;
  readonly folder: string | null;
}

export const HELP = `Makes a database of the existing push server with people and signatures of its own, and measures import-v2 on it.

  npm run bench:import -- [--rows N] [--database A,B] [--source URL] [--dir D]

  --rows N         subscriptions; one in four is of a group's member, with two signatures to check   (1,000,000)
  --database A,B   where they are imported to: sqlite, mariadb                                       (both)
  --source URL     a database of the existing server that is there, instead of one that is made
  --dir D          where SQLite's database is made (default: the system's temporary folder; a million rows take 2 GB)
  --help           this text

Postgres and MariaDB are private ones, started for the run. BENCH_MYSQL_URL=mysql://user:password@host:port names another
MariaDB, whose user may create databases.
`;

/** Reads the command line. Null = only the help is wanted. */
export function parseOptions(args: readonly string[]): ImportBenchOptions | null {
  const { help, rows, database, source, dir } = readArguments(args);
  if (help) return null;
  const count = Number(rows ?? 1_000_000);
  if (!Number.isInteger(count) || count < 1) throw new UsageError('--rows must be a whole number from 1');
  const asked = database?.split(',') ?? TARGETS;
  const unknown = asked.find((name) => !TARGETS.some((known) => known === name));
  if (unknown !== undefined) throw new UsageError(`--database knows ${TARGETS.join(', ')} and not "${unknown}"`);
  return {
    rows: count,
    databases: TARGETS.filter((name) => asked.includes(name)),
    source: source ?? null,
    folder: dir ?? null,
  };
}

function readArguments(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    const options = { help: { type: 'boolean' }, rows: text, database: text, source: text, dir: text } as const;
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
