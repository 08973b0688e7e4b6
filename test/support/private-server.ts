import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, closeSync, constants, openSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { delimiter, join } from 'node:path';

/**
 * The server ends when standard input does, which is when the test run stops it or dies in whatever way.
 * $1 is what happens to its folder, $2 its folder, the rest is its command line. One that was frozen ends too.
 */
const GUARD =
  'after=$1; folder=$2; shift 2; "$@" </dev/null & cat >/dev/null; kill $!; kill -CONT $!; wait $!; [ "$after" = keep ] || rm -rf "$folder"';

export interface GuardedServer {
  readonly guard: ChildProcess;
  stop(): Promise<void>;
}

/** Starts a program that ends with the test run; its output goes to `logFile`. */
export function startGuarded(
  command: readonly string[],
  folder: string,
  logFile: string,
  after: 'remove' | 'keep' = 'remove',
): GuardedServer {
  const log = openSync(logFile, 'a');
  // A group of its own, or Ctrl-C would end the guard before the server.
  const guard = spawn('sh', ['-c', GUARD, 'sh', after, folder, ...command], {
    stdio: ['pipe', log, log],
    detached: true,
  });
  closeSync(log);
  const stop = async (): Promise<void> => {
    const ended = once(guard, 'exit');
    guard.stdin?.end();
    await ended;
  };
  return { guard, stop };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Looks in PATH and where Debian keeps what only root has in PATH. */
export function findProgram(name: string): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.map((folder) => join(folder, name)).find(isExecutable) ?? null;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
