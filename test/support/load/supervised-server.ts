import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type OnionHttpClient } from '../onion-http.js';
import { type Exit, ServerProcess, type SpawnedServer, spawnServer } from '../spawned-server.js';

/** One life of the server, from its start to its end. */
export interface Life {
  readonly number: number;
  readonly onion: OnionHttpClient;
  readonly ended: Promise<unknown>;
}

/** The built server under a supervisor: the same folder and variables from life to life. */
export class SupervisedServer {
  /** What was wrong with how it ran: errors in the log, anything on stderr. */
  readonly complaints: string[] = [];
  /** Pushes that its lives left out beside those that they sent without content, by provider and reason, until just before each end. */
  readonly collapsed = new Map<string, number>();
  lives = 0;
  private readonly operator = { STATISTICS_USERNAME: 'operator', STATISTICS_PASSWORD: randomUUID() };
  private server: SpawnedServer | null = null;
  private current = Promise.withResolvers<Life>();

  constructor(
    private readonly env: Readonly<Record<string, string>>,
    private readonly folder: string,
  ) {}

  /** The running life, or the next one when there is none. */
  life(): Promise<Life> {
    return this.current.promise;
  }

  /** Of the running process. */
  get pid(): number | undefined {
    return this.server?.process.child.pid;
  }

  async start(): Promise<void> {
    const server = await spawnServer({ ...this.env, ...this.operator }, this.folder);
    this.server = server;
    this.lives++;
    this.current.resolve({ number: this.lives, onion: server.onion, ended: server.process.exit });
  }

  kill(): Promise<Exit> {
    return this.end('SIGKILL');
  }

  async stop(): Promise<Exit> {
    const exit = await this.end('SIGTERM');
    if (exit.code !== 0) this.complaints.push(`SIGTERM ended with ${exit.code ?? exit.signal}`);
    return exit;
  }

  /** SIGTERM, and SIGKILL when it is still at it after `afterMs`. */
  async stopThenKill(afterMs: number): Promise<Exit> {
    const { process } = this.running();
    return this.end('SIGTERM', () => setTimeout(() => process.child.kill('SIGKILL'), afterMs));
  }

  /** A start that SIGKILL ends after `afterMs`, wherever it is by then. */
  async dieAtStart(afterMs: number): Promise<void> {
    const process = new ServerProcess(this.env, this.folder);
    await sleep(afterMs);
    await process.stop('SIGKILL');
    this.read(process);
  }

  private async end(signal: NodeJS.Signals, then: () => void = () => {}): Promise<Exit> {
    const { process, start } = this.running();
    await this.countCollapsed(start.address);
    this.server = null;
    this.current = Promise.withResolvers<Life>();
    const stopped = process.stop(signal);
    then();
    const exit = await stopped;
    this.read(process);
    return exit;
  }

  private async countCollapsed(address: string): Promise<void> {
    const { STATISTICS_USERNAME: name, STATISTICS_PASSWORD: password } = this.operator;
    const headers = { authorization: `Basic ${btoa(`${name}:${password}`)}` };
    const metrics = await fetch(`${address}/metrics`, { headers, signal: AbortSignal.timeout(METRICS_PATIENCE_MS) });
    for (const [, provider, reason, count] of (await metrics.text()).matchAll(COLLAPSED)) {
      const key = `${provider} ${reason}`;
      this.collapsed.set(key, (this.collapsed.get(key) ?? 0) + Number(count));
    }
  }

  private running(): SpawnedServer {
    if (!this.server) throw new Error('The server is not running.');
    return this.server;
  }

  private read({ log, stderr }: ServerProcess): void {
    const errors = log.filter(({ level }) => Number(level) >= ERROR_LEVEL);
    this.complaints.push(...errors.map((line) => JSON.stringify(line)));
    if (stderr !== '') this.complaints.push(stderr);
  }
}

/** pino's number of `error`. */
const ERROR_LEVEL = 50;
const METRICS_PATIENCE_MS = 60_000;
const COLLAPSED = /^session_push_pushes_total\{provider="([^"]*)",outcome="folded",reason="([^"]*)"\} (\d+)$/gm;
