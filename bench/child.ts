import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { pinned } from './measure/cores.js';

/** No process outlives the one that started it, however that ends. */
const running = new Set<ChildProcess>();
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

export interface ChildOptions {
  readonly cores: string | null;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** For programs that are measured: plain Node, which strips the types and changes nothing else. */
  readonly plainNode?: boolean;
}

const TSX = ['--import', 'tsx'];
const PLAIN = ['--disable-warning=ExperimentalWarning'];

/** One of our own programs in a process of its own that takes one order at a time. */
export class Child {
  private constructor(private readonly process: ChildProcess) {}

  static start(file: string, options: ChildOptions): Child {
    const { cores, args = [], env = {}, plainNode = false } = options;
    const [command, ...before] = pinned(cores, [process.execPath, ...(plainNode ? PLAIN : TSX)]);
    const child = new Child(
      fork(file, args, {
        execPath: command,
        execArgv: before,
        env: { ...process.env, ...env },
        serialization: 'advanced',
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      }),
    );
    running.add(child.process);
    return child;
  }

  get pid(): number {
    return pidOf(this.process);
  }

  /** What the program says when it is ready to take orders. */
  ready<Ready>(): Promise<Ready> {
    return this.nextMessage<Ready>();
  }

  ask<Answer>(order: object): Promise<Answer> {
    const answer = this.nextMessage<Answer>();
    this.process.send(order);
    return answer;
  }

  stop(): Promise<void> {
    return stopProcess(this.process, 'SIGKILL');
  }

  private nextMessage<Message>(): Promise<Message> {
    return new Promise((resolve, reject) => {
      const ended = () => reject(new Error(`${this.process.spawnargs.at(-1)} ended`));
      this.process.once('exit', ended);
      this.process.once('message', (message) => {
        this.process.off('exit', ended);
        resolve(message as Message);
      });
    });
  }
}

/** A program that knows nothing of us; its output is piped. */
export function startProgram(
  command: readonly [string, ...string[]],
  options: { cores: string | null; cwd: string; env: Readonly<Record<string, string>> },
): ChildProcess {
  const [program, ...args] = pinned(options.cores, command);
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { PATH: process.env['PATH'], ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  return child;
}

export async function stopProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  running.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

export function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error('the process did not start');
  return pid;
}
