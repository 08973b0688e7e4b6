import { parseArgs } from 'node:util';

export const SCENARIOS = ['accept', 'delivery', 'workers', 'scale', 'backlog', 'sealing', 'watching'] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

/** `redis`: the queue is on Redis, the ids are on SQLite. */
export const DATABASE_KINDS = ['sqlite', 'mariadb', 'redis'] as const;
export type DatabaseKind = (typeof DATABASE_KINDS)[number];

/** How much of everything. */
export interface Size {
  /** Requests of one round. */
  readonly requests: number;
  readonly rounds: number;
  /** Requests that let the compiler settle before the first round. */
  readonly warmup: number;
  readonly connections: number;
  /** Length of the run at half load. */
  readonly seconds: number;
  /** The population of the scale scenario; everything else works on a small one. */
  readonly ids: number;
  readonly groups: number;
  readonly backlog: number;
  /** Of the watching scenario. */
  readonly subscriptions: number;
  /** Of six nodes each. */
  readonly swarms: number;
}

export interface BenchOptions extends Size {
  readonly only: readonly ScenarioName[];
  readonly databases: readonly DatabaseKind[];
  readonly gatewayLatencyMs: number;
  /** Parent of the temporary folder; null = the system's. */
  readonly folder: string | null;
  readonly write: boolean;
}

const FULL: Size = {
  requests: 20_000,
  rounds: 5,
  warmup: 5000,
  connections: 64,
  seconds: 20,
  ids: 1_000_000,
  groups: 100_000,
  backlog: 200_000,
  subscriptions: 1_000_000,
  swarms: 334,
};

const QUICK: Size = {
  ...FULL,
  requests: 1200,
  rounds: 2,
  warmup: 600,
  seconds: 3,
  ids: 20_000,
  groups: 2000,
  backlog: 5000,
  subscriptions: 20_000,
  swarms: 10,
};

export const HELP = `Measures the built server on this machine, beside a floor: a bare HTTP server that does the same cryptography.

  npm run bench -- [--quick] [--only A,B] [--database A,B] [--write]

  --quick              small numbers, no MariaDB; under two minutes instead of more than half an hour
  --only A,B           these scenarios:
                         accept    requests answered, delivery held; against the floor
                         delivery  accepted, stored, looked up, sent and forgotten; and the way to the gateway at half load
                         workers   requests answered by WORKERS=1 and by WORKERS=2, on two cores
                         scale     start, memory and cost per request with few and with many registered ids
                         backlog   memory, cost per request and draining with many queued notifications
                         sealing   cost per request with ids and tokens sealed, and the sealing of a database of before
                         watching  what telling storage nodes of many subscriptions costs, and a message that they report
  --database A,B       databases of accept, delivery and workers (default: all that are installed):
                         sqlite    ids and queue on SQLite
                         mariadb   ids and queue on MariaDB
                         redis     the queue on Redis, the ids on SQLite
  --write              also put the results into docs/performance.md
  --dir D              where the databases are made (default: the system's temporary folder; the full run takes 3 GB)
  --requests N         requests of one round              (${FULL.requests}; quick: ${QUICK.requests})
  --rounds N           rounds of each measurement         (${FULL.rounds}; quick: ${QUICK.rounds})
  --warmup N           requests before the first round    (${FULL.warmup}; quick: ${QUICK.warmup})
  --connections N      keep-alive connections             (${FULL.connections})
  --seconds N          length of the run at half load     (${FULL.seconds}; quick: ${QUICK.seconds})
  --ids N              registered ids of scale, sealing   (${FULL.ids}; quick: ${QUICK.ids})
  --groups N           closed groups of scale, sealing    (${FULL.groups}; quick: ${QUICK.groups})
  --backlog N          queued notifications of backlog    (${FULL.backlog}; quick: ${QUICK.backlog})
  --subscriptions N    subscriptions of watching          (${FULL.subscriptions}; quick: ${QUICK.subscriptions})
  --swarms N           of six nodes each, of watching     (${FULL.swarms}; quick: ${QUICK.swarms})
  --gateway-latency N  how long the gateways take to answer, in milliseconds (20)
  --help               this text

MariaDB: the server that BENCH_MYSQL_URL=mysql://user:password@host:port names (the user may create databases), or a
private one, started for the run when it is installed. Redis: a private one with appendonly yes and appendfsync
everysec. Private ones keep their files in the system's temporary folder. Needs Linux, for the CPU time of processes.
`;

/** The command line is wrong; the message says how. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Reads the command line. Null = only the help is wanted. */
export function parseOptions(args: readonly string[]): BenchOptions | null {
  const { values } = readArguments(args);
  if (values.help) return null;
  const size = values.quick ? QUICK : FULL;
  const number = (name: 'gateway-latency' | keyof Size, fallback: number, min: number): number => {
    const value = Number(values[name] ?? fallback);
    if (!Number.isInteger(value) || value < min) throw new UsageError(`--${name} must be a whole number from ${min}`);
    return value;
  };
  return {
    requests: number('requests', size.requests, 1),
    rounds: number('rounds', size.rounds, 1),
    warmup: number('warmup', size.warmup, 1),
    connections: number('connections', size.connections, 1),
    seconds: number('seconds', size.seconds, 1),
    ids: number('ids', size.ids, 1),
    groups: number('groups', size.groups, 1),
    backlog: number('backlog', size.backlog, 1),
    subscriptions: number('subscriptions', size.subscriptions, 1),
    swarms: number('swarms', size.swarms, 1),
    only: names('only', values.only, SCENARIOS, SCENARIOS),
    databases: names('database', values.database, DATABASE_KINDS, values.quick ? ['sqlite', 'redis'] : DATABASE_KINDS),
    gatewayLatencyMs: number('gateway-latency', 20, 0),
    folder: values.dir ?? null,
    write: values.write ?? false,
  };
}

function readArguments(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        help: flag,
        quick: flag,
        write: flag,
        only: text,
        database: text,
        dir: text,
        requests: text,
        rounds: text,
        warmup: text,
        connections: text,
        seconds: text,
        ids: text,
        groups: text,
        backlog: text,
        subscriptions: text,
        swarms: text,
        'gateway-latency': text,
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function names<Name extends string>(
  option: string,
  value: string | undefined,
  known: readonly Name[],
  fallback: readonly Name[],
): readonly Name[] {
  if (value === undefined) return fallback;
  const asked = value.split(',').map((name) => name.trim());
  const unknown = asked.find((name) => !known.some((other) => other === name));
  if (unknown !== undefined) throw new UsageError(`--${option} knows ${known.join(', ')} and not "${unknown}"`);
  return known.filter((name) => asked.includes(name));
}
