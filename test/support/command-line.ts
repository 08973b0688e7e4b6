import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';

const MAIN = resolve(import.meta.dirname, '../../dist/cli/main.js');

/** How help and messages call it where it is run like that. */
export const CALLED = `node ${MAIN}`;

export interface CommandResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  /** Where it runs, so that no .env of this project is read. */
  folder: string;
  env?: Readonly<Record<string, string>>;
  input?: string;
  /** To send it a signal. */
  onSpawn?: (child: ChildProcess) => void;
}

/** `session-push ...` in a process of its own, with nothing in its environment but what it is given. */
export async function runCommand(args: readonly string[], options: CommandOptions): Promise<CommandResult> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: options.folder,
    env: { PATH: process.env['PATH'], TZ: 'UTC', ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  options.onSpawn?.(child);
  child.stdin.end(options.input ?? '');
  const ended = once(child, 'close');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await ended) as [number | null];
  return { code, stdout, stderr };
}

/** The command's `--json` answer; throws when it failed. */
export async function runForJson(args: readonly string[], options: CommandOptions): Promise<unknown> {
  const { code, stdout, stderr } = await runCommand([...args, '--json'], options);
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as unknown;
}
