import { Redis } from 'ioredis';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findProgram, freePort, type GuardedServer, startGuarded } from './private-server.js';

const START_DEADLINE_MS = 20_000;

/** More than a run ever takes: each suite gets a database of its own. */
const DATABASES = 1000;

export const findRedis = (): string | null => findProgram('redis-server');

/** A Redis of our own in a temporary folder that keeps what it acknowledged, also over `stop` and `start`. */
export class PrivateRedis {
  private readonly folder = mkdtempSync(join(tmpdir(), 'spns-redis-'));
  private running: GuardedServer | null = null;

  private constructor(
    private readonly program: string,
    private readonly port: number,
    private readonly settings: readonly string[],
  ) {}

  static async open(program: string, settings: readonly string[] = ['--appendonly', 'yes']): Promise<PrivateRedis> {
    const redis = new PrivateRedis(program, await freePort(), settings);
    await redis.start();
    return redis;
  }

  /**
   * A sentinel that watches one primary on the loopback and needs nobody's consent for a failover.
   *
   * @param name what it calls the primary
   */
  static async sentinel(program: string, name: string, port: number): Promise<PrivateRedis> {
    const sentinel = new PrivateRedis(program, await freePort(), []);
    const file = join(sentinel.folder, 'sentinel.conf');
    const lines = [
      'bind 127.0.0.1',
      `port ${sentinel.port}`,
      `dir ${sentinel.folder}`,
      `pidfile ${sentinel.pidFile}`,
      `sentinel monitor ${name} 127.0.0.1 ${port} 1`,
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    await sentinel.run([program, file, '--sentinel']);
    return sentinel;
  }

  private get pidFile(): string {
    return join(this.folder, 'redis.pid');
  }

  /** Without a database number. */
  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    await this.run([
      this.program,
      ...['--bind', '127.0.0.1', '--port', String(this.port), '--dir', this.folder, '--databases', String(DATABASES)],
      ...['--pidfile', this.pidFile, '--save', '', '--maxmemory-policy', 'noeviction', ...this.settings],
    ]);
  }

  private async run(command: readonly string[]): Promise<void> {
    const log = join(this.folder, 'server.log');
    this.running = startGuarded(command, this.folder, log, 'keep');
    try {
      await waitUntilItAnswers(this.url);
    } catch (cause) {
      const lastLines = readFileSync(log, 'utf8').split('\n').slice(-15).join('\n');
      await this.remove();
      throw new Error(`Redis did not start. The end of its log:\n${lastLines}`, { cause });
    }
  }

  async stop(): Promise<void> {
    await this.running?.stop();
    this.running = null;
  }

  /** It neither answers nor ends, as behind a network that loses every packet. */
  freeze(): void {
    this.signal('SIGSTOP');
  }

  thaw(): void {
    this.signal('SIGCONT');
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private signal(name: NodeJS.Signals): void {
    process.kill(Number(readFileSync(this.pidFile, 'utf8')), name);
  }
}

async function waitUntilItAnswers(url: string): Promise<void> {
  const deadline = Date.now() + START_DEADLINE_MS;
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => 20, maxRetriesPerRequest: null });
  client.on('error', () => undefined);
  try {
    for (;;) {
      // While it reads its file it answers with an error.
      const answer = await Promise.race([client.ping().catch(() => null), sleep(1000, null)]);
      if (answer === 'PONG') return;
      if (Date.now() > deadline) throw new Error('no answer');
      await sleep(20);
    }
  } finally {
    client.disconnect();
  }
}
