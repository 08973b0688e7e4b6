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
  /** All its processes; `pid` alone when there is one. */
  readonly pids: readonly number[];
}

export interface Floor extends Target {
  /** Hexadecimal; the servers of a run have the same. */
  readonly publicKey: string;
}

export interface TargetOptions {
  readonly cores: string | null;
  /** Working folder of the server. */
  readonly folder: string;
  /** The variables that the server reads. */
  readonly env: Readonly<Record<string, string>>;
}

const MAIN = resolve(import.meta.dirname, '../../dist/main.js');

export async function startFloor({ cores, env }: TargetOptions): Promise<Floor> {
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
  const { port, members } = await listening(child);
  const startMs = monotonicMs() - startedAt;
  const pid = pidOf(child);
  return { pid, pids: [pid, ...members], port, startMs, stop: () => stopProcess(child, 'SIGTERM') };
}

interface Listening {
  readonly port: number;
  /** Processes that the first one started. */
  readonly members: readonly number[];
}

function listening(child: ChildProcess): Promise<Listening> {
  return new Promise((onListening, onError) => {
    const said: string[] = [];
    const read = (stream: NodeJS.ReadableStream | null): void => {
      if (!stream) return;
      createInterface({ input: stream }).on('line', (line) => {
        const report = reportIn(line);
        if (report) onListening(report);
        else if (said.length < 20) said.push(line);
      });
    };
    read(child.stdout);
    read(child.stderr);
    child.once('exit', () => onError(new Error(`the server ended:\n${said.join('\n')}`)));
  });
}

/** What the server's line about itself says, if it is that line. */
function reportIn(line: string): Listening | null {
  if (!line.startsWith('{')) return null;
  const said = JSON.parse(line) as { msg?: unknown; address?: unknown; leader?: number; followers?: number[] };
  if (said.msg !== 'listening' || typeof said.address !== 'string') return null;
  const members = said.leader === undefined ? [] : [said.leader, ...(said.followers ?? [])];
  return { port: Number(new URL(said.address).port), members };
}
