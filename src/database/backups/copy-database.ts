import Database from 'better-sqlite3';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { extname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** Beside the built program it is a `.js`, among the sources a `.ts`. */
const PROGRAM = fileURLToPath(new URL(`copy.process${extname(import.meta.url)}`, import.meta.url));

const LOOK_MS = 200;

interface Failure {
  readonly message: string;
  readonly code: string | null;
}

export interface CopyOptions {
  /** Ends the copying; what is there of the copy stays. */
  readonly signal?: AbortSignal | undefined;
  /** Is told now and then how large the copy is. */
  readonly onBytes: (bytes: number) => void;
}

/**
 * Copies a database in use into an empty file, in a process of its own: a large one would hold the event loop for seconds.
 *
 * @returns false = it was broken off
 * @throws SqliteError when the database cannot be read or the copy not be written
 */
export async function copyDatabase(source: string, target: string, options: CopyOptions): Promise<boolean> {
  const { signal, onBytes } = options;
  if (signal?.aborted) return false;
  const child = fork(PROGRAM, [source, target], { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  // When this process ends, the copy is of no use: its process is killed, so that the exit does not wait for it.
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  signal?.addEventListener('abort', kill, { once: true });
  const ended = new AbortController();
  const looking = look(target, onBytes, ended.signal);
  try {
    return await resultOf(child, () => signal?.aborted ?? false);
  } finally {
    ended.abort();
    await looking;
    process.off('exit', kill);
    signal?.removeEventListener('abort', kill);
  }
}

async function resultOf(child: ChildProcess, isBrokenOff: () => boolean): Promise<boolean> {
  let failure: Failure | null = null;
  child.on('message', (message: Failure) => (failure = message));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  if (isBrokenOff()) return false;
  if (code === 0) return true;
  const { message, code: reason } = (failure ?? {
    message: `The copying ended with ${code ?? signal}`,
    code: null,
  }) as Failure;
  throw reason === null ? new Error(message) : new Database.SqliteError(message, reason);
}

async function look(file: string, onBytes: (bytes: number) => void, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    onBytes(statSync(file, { throwIfNoEntry: false })?.size ?? 0);
    await sleep(LOOK_MS, undefined, { signal, ref: false }).catch(() => undefined);
  }
}
