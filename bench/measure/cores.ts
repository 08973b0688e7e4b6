import { spawnSync } from 'node:child_process';

/** Lists of cores as taskset takes them; null = processes are not pinned. */
export interface Cores {
  readonly server: string | null;
  readonly rest: string | null;
}

/** One core for what is measured, the others for everything else; not pinned without taskset or a second core. */
export function divideCores(): Cores {
  const allowed = allowedCores();
  const [server, ...rest] = allowed;
  if (server === undefined || rest.length === 0) return { server: null, rest: null };
  // Every process that this one starts inherits its place, a database server included.
  const moved = spawnSync('taskset', ['-a', '-c', '-p', rest.join(','), String(process.pid)]);
  return moved.status === 0 ? { server: String(server), rest: rest.join(',') } : { server: null, rest: null };
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
