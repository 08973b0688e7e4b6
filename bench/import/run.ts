import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { V2Database } from '../../src/cli/v2/v2-database.js';
import { findPostgres, startPostgres } from '../../test/support/private-postgres.js';
import { describeCircumstances } from '../../test/support/report/circumstances.js';
import { renderTable } from '../../test/support/report/markdown-table.js';
import { Child, pidOf, startProgram } from '../child.js';
import { type BenchDatabase } from '../database/bench-database.js';
import { openMariaDb } from '../database/mariadb-server.js';
import { createSqliteDatabase } from '../database/sqlite-database.js';
import { monotonicMs } from '../measure/clock.js';
import { peakMb } from '../measure/process-usage.js';
import { showNumber } from '../measure/spread.js';
import { UsageError } from '../options.js';
import { HELP, type ImportBenchOptions, parseOptions, type TargetKind } from './options.js';

const CLI = join(import.meta.dirname, '../../dist/cli/main.js');
const ROWS_PER_ORDER = 10_000;
const LOOK_EVERY_MS = 500;
/** What a server of its own would be given; MariaDB's own 128 MB are for the smallest machines. */
const BUFFER_POOL = '--innodb-buffer-pool-size=1G';
const CUTIME = 13;
const CSTIME = 14;
const TICK_MS = 10;

interface Measured {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakMb: number;
  readonly report: { readonly rows: number; readonly imported: number };
}

const args = process.argv.slice(2);
const startedAt = monotonicMs();

try {
  const options = parseOptions(args);
  if (options) await run(options);
  else process.stdout.write(HELP);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n\n${HELP}`);
  process.exitCode = 2;
}

async function run({ rows, databases, source, folder: parent }: ImportBenchOptions): Promise<void> {
  if (process.platform !== 'linux') throw new UsageError('The benchmark needs Linux, for the CPU time of processes.');
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
  const folder = mkdtempSync(join(parent ?? tmpdir(), 'push-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const circumstances = describeCircumstances('bench:import', args.map(withoutSource), 'processes not pinned', folder);
  const postgres = source === null ? await openPostgres() : null;
  const theirs = source ?? postgres?.url ?? '';
  if (source === null) await fill(theirs, rows);
  const lines: string[][] = [];
  for (const kind of databases) {
    for (const { name, measured } of await importInto(kind, theirs, folder)) {
      const { report, seconds, cpuSeconds, peakMb: peak } = measured;
      const numbers = [seconds, cpuSeconds, peak, (seconds / report.rows) * 1_000_000];
      lines.push([name, showNumber(report.rows), showNumber(report.imported), ...numbers.map((n) => showNumber(n))]);
    }
  }
  await postgres?.stop();
  const columns = ['into', 'rows', 'imported', 's', 'CPU s', 'most MB', 'µs a row'];
  process.stdout.write(`\n${circumstances}\n\n${renderTable({ columns, rows: lines })}\n`);
}

/** An address may hold a password. */
function withoutSource(arg: string): string {
  return arg.replace(/postgres(ql)?:\/\/\S+/, 'postgres://…');
}

async function openPostgres() {
  const programs = findPostgres();
  if (!programs) throw new UsageError('Postgres is not installed; --source names one that is there.');
  return startPostgres(programs);
}

/** On all cores; a million people have a million keys and sign. */
async function fill(url: string, rows: number): Promise<void> {
  const database = await V2Database.open(url);
  await database.writing(() => database.makeEmpty());
  let next = 0;
  const lane = async (): Promise<void> => {
    const child = Child.start(join(import.meta.dirname, 'phones.process.ts'), { cores: null });
    await child.ready();
    while (next < rows) {
      const count = Math.min(ROWS_PER_ORDER, rows - next);
      const firstId = next + 1;
      next += count;
      await child.ask({ url, firstId, count });
      progress(`${showNumber(next)} subscriptions made`);
    }
    await child.stop();
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
  await database.writing(() => database.lastId(rows));
  await database.close();
}

/** Twice: into an empty database, and once more when everything is there. */
async function importInto(kind: TargetKind, theirs: string, folder: string) {
  const mariaDb = kind === 'mariadb' ? await openMariaDb([BUFFER_POOL]) : null;
  if (kind === 'mariadb' && !mariaDb) {
    progress('MariaDB is left out: it is not installed');
    return [];
  }
  const database = mariaDb ? await mariaDb.create() : await createSqliteDatabase(join(folder, 'import.sqlite'));
  const measured = [];
  for (const name of [database.engine, `${database.engine}, repeated`]) {
    progress(`importing into ${name}`);
    measured.push({ name, measured: await measureImport(theirs, database, folder) });
  }
  await database.drop();
  await mariaDb?.stop();
  return measured;
}

async function measureImport(theirs: string, { environment }: BenchDatabase, folder: string): Promise<Measured> {
  const [began, cpuBefore] = [monotonicMs(), cpuOfChildrenMs()];
  const child = startProgram([process.execPath, CLI, 'import-v2', theirs, '--json'], {
    cores: null,
    cwd: folder,
    env: environment,
  });
  let peak = 0;
  const looking = setInterval(() => {
    if (child.exitCode === null) peak = Math.max(peak, peakMb(pidOf(child)));
  }, LOOK_EVERY_MS);
  if (!child.stdout || !child.stderr) throw new Error('its output is piped');
  const ended = once(child, 'close');
  const [answer, problem] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await ended;
  clearInterval(looking);
  if (child.exitCode !== 0) throw new Error(`import-v2 ended with ${child.exitCode}: ${problem}`);
  return {
    seconds: (monotonicMs() - began) / 1000,
    cpuSeconds: (cpuOfChildrenMs() - cpuBefore) / 1000,
    peakMb: peak,
    report: JSON.parse(answer) as Measured['report'],
  };
}

/** Of those that have ended: user and system time with all their threads. */
function cpuOfChildrenMs(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[CUTIME]) + Number(fields[CSTIME])) * TICK_MS;
}

function progress(said: string): void {
  process.stderr.write(`[${((monotonicMs() - startedAt) / 1000).toFixed(0)} s] ${said}\n`);
}
