import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { OnionHttpClient } from './onion-http.js';

const MAIN = resolve(import.meta.dirname, '../../dist/main.js');
const START_DEADLINE_MS = 60_000;

/** A process must not outlive the one that started it, however that ends. */
const running = new Map<ChildProcess, string>();
const killThoseOf = (folder?: string): void => {
  for (const [child, itsFolder] of running) if (folder === undefined || folder === itsFolder) child.kill('SIGKILL');
};
process.once('exit', () => killThoseOf());

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** What the server says about itself once it listens. */
export interface StartLine {
  address: string;
  publicKey: string;
  providers: Record<string, boolean>;
  database: string;
}

/**
 * `node dist/main.js`, this project's or another, in a process and a folder of its own, with nothing in its environment
 * but what it is given.
 */
export class ServerProcess {
  readonly child: ChildProcess;
  readonly exit: Promise<Exit>;
  stdout = '';
  stderr = '';

  constructor(env: Readonly<Record<string, string>>, folder: string, main = MAIN) {
    this.child = spawn(process.execPath, [main], {
      cwd: folder,
      env: { PATH: process.env['PATH'], HOST: '127.0.0.1', PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.set(this.child, folder);
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.exit = once(this.child, 'close').then(([code, signal]: unknown[]) => {
      running.delete(this.child);
      const { stdout, stderr } = this;
      return { code: code as number | null, signal: signal as NodeJS.Signals | null, stdout, stderr };
    });
  }

  /** The log, line by line. */
  get log(): Record<string, unknown>[] {
    return this.stdout
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  async listening(): Promise<StartLine> {
    const found = await this.waitForLine('listening', START_DEADLINE_MS);
    return found as unknown as StartLine;
  }

  async waitForLine(msg: string, timeoutMs = 5000): Promise<Record<string, unknown>> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const line = this.log.find((entry) => entry['msg'] === msg);
      if (line) return line;
      const ended = this.child.exitCode !== null || this.child.signalCode !== null;
      if (ended || Date.now() > deadline) {
        throw new Error(`The server did not say "${msg}". It said:\n${this.stdout}\n${this.stderr}`);
      }
      await new Promise((resume) => setTimeout(resume, 20));
    }
  }

  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.child.kill(signal);
    return this.exit;
  }
}

export interface SpawnedServer {
  readonly process: ServerProcess;
  readonly start: StartLine;
  readonly onion: OnionHttpClient;
}

export async function spawnServer(
  env: Readonly<Record<string, string>>,
  folder: string,
  main = MAIN,
): Promise<SpawnedServer> {
  const server = new ServerProcess(env, folder, main);
  const start = await server.listening();
  return { process: server, start, onion: new OnionHttpClient(start.address, start.publicKey) };
}

/** Runs a folder's user, then ends the servers that are left in it and removes it. */
export async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'spns-process-'));
  try {
    return await use(folder);
  } finally {
    killThoseOf(folder);
    rmSync(folder, { recursive: true, force: true });
  }
}
