import { type ChildProcess } from 'node:child_process';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Child, pidOf, startProgram, stopProcess } from '../child.js';
import { monotonicMs } from '../measure/clock.js';

/** Something that answers onion requests and whose CPU time is looked at. */
export interface Target {
  readonly pid: number;
  readonly port: number;
  stop(): Promise<void>;
}

export interface StartedServer extends Target {
  /** From the start of the process to its word that it listens. */
  readonly startMs: number;
}

export interface TargetOptions {
  readonly cores: string | null;
  /** Working folder of the server. */
  readonly folder: string;
  /** The variables that the server reads. */
  readonly env: Readonly<Record<string, string>>;
}

const MAIN = resolve(import.meta.dirname, '../../dist/main.js');

export async function startFloor({ cores, env }: TargetOptions): Promise<Target & { publicKey: string }> {
  const file = join(import.meta.dirname, 'floor.process.ts');
  const child = Child.start(file, { cores, env, plainNode: true });
  const ready = await child.ready<{ port: number; publicKey: string }>();
  return { ...ready, pid: child.pid, stop: () => child.stop() };
}

/** The server with its delivery held: notifications are stored and stay. */
export async function startHeldServer({ cores, env }: TargetOptions): Promise<Target> {
  const file = join(import.meta.dirname, 'held-server.process.ts');
  const child = Child.start(file, { cores, env, plainNode: true });
  const { port } = await child.ready<{ port: number }>();
  return { port, pid: child.pid, stop: () => child.stop() };
}

/** The server as operators start it. */
export async function startServer({ cores, folder, env }: TargetOptions): Promise<StartedServer> {
  const startedAt = monotonicMs();
  const child = startProgram([process.execPath, MAIN], { cores, cwd: folder, env });
  const port = await listening(child);
  const startMs = monotonicMs() - startedAt;
  return { pid: pidOf(child), port, startMs, stop: () => stopProcess(child, 'SIGTERM') };
}

function listening(child: ChildProcess): Promise<number> {
  return new Promise((onListening, onError) => {
    const said: string[] = [];
    const read = (stream: NodeJS.ReadableStream | null): void => {
      if (!stream) return;
      createInterface({ input: stream }).on('line', (line) => {
        const port = portIn(line);
        if (port !== null) onListening(port);
        else if (said.length < 20) said.push(line);
      });
    };
    read(child.stdout);
    read(child.stderr);
    child.once('exit', () => onError(new Error(`the server ended:\n${said.join('\n')}`)));
  });
}

/** The port in the server's line about itself. */
function portIn(line: string): number | null {
  if (!line.startsWith('{')) return null;
  const { msg, address } = JSON.parse(line) as { msg?: unknown; address?: unknown };
  return msg === 'listening' && typeof address === 'string' ? Number(new URL(address).port) : null;
}
