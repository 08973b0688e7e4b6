import { spawnSync } from 'node:child_process';

/** Lists of cores as taskset takes them; null = processes are not pinned. */
export interface Cores {
  readonly server: string | null;
  readonly rest: string | null;
  /** Two cores for a server of several processes. */
  readonly pair: string | null;
  /** What sends requests to it: the other cores, or with two cores the same. */
  readonly besidePair: string | null;
  /** Whether that leaves the pair to the server. */
  readonly pairIsFree: boolean;
}

const NOT_PINNED: Cores = { server: null, rest: null, pair: null, besidePair: null, pairIsFree: false };

/** One core for what is measured, the others for everything else; not pinned without taskset or a second core. */
export function divideCores(): Cores {
  const allowed = allowedCores();
  const [server, ...rest] = allowed;
  if (server === undefined || rest.length === 0) return NOT_PINNED;
  // Every process that this one starts inherits its place, a database server included.
  const moved = spawnSync('taskset', ['-a', '-c', '-p', rest.join(','), String(process.pid)]);
  if (moved.status !== 0) return NOT_PINNED;
  const [pair, others] = [allowed.slice(0, 2), allowed.slice(2)];
  return {
    server: String(server),
    rest: rest.join(','),
    pair: pair.join(','),
    besidePair: (others.length > 0 ? others : pair).join(','),
    pairIsFree: others.length > 0,
  };
}

/** The command line of a program that runs on these cores. */
export function pinned(cores: string | null, command: readonly [string, ...string[]]): readonly [string, ...string[]] {
  return cores === null ? command : ['taskset', '-c', cores, ...command];
}

/** What is allowed may be less than what the machine has. */
function allowedCores(): number[] {
  const { status, stdout } = spawnSync('taskset', ['-c', '-p', String(process.pid)], { encoding: 'utf8' });
  if (status !== 0) return [];
  return stdout
    .slice(stdout.lastIndexOf(':') + 1)
    .split(',')
    .flatMap((part) => {
      const [first = NaN, last = first] = part.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
}
