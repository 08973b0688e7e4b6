import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BenchDatabase } from './database/bench-database.js';
import { type MariaDbServer, openMariaDb } from './database/mariadb-server.js';
import { openRedis, type RedisServer } from './database/redis-server.js';
import { createSqliteDatabase } from './database/sqlite-database.js';
import { Generator } from './load/generator.js';
import { type Cores, divideCores } from './measure/cores.js';
import { type BenchOptions, type DatabaseKind } from './options.js';
import { Gateways } from './servers/gateways.js';
import {
  type Floor,
  type StartedServer,
  startFloor,
  startHeldServer,
  startServer,
  type Target,
} from './servers/target.js';

/** What all scenarios use: the programs that run all the time, and ways to make databases and servers. */
export class Bench {
  /** Kinds of databases that there are, of those that were asked for. */
  readonly databaseKinds: readonly DatabaseKind[];
  private madeDatabases = 0;

  private constructor(
    readonly options: BenchOptions,
    readonly cores: Cores,
    readonly folder: string,
    readonly floor: Floor,
    readonly generator: Generator,
    readonly gateways: Gateways,
    private readonly mariaDb: MariaDbServer | null,
    private readonly redis: RedisServer | null,
    readonly progress: (text: string) => void,
  ) {
    const missing = new Set<DatabaseKind>([
      ...(mariaDb ? [] : ['mariadb' as const]),
      ...(redis ? [] : ['redis' as const]),
    ]);
    this.databaseKinds = options.databases.filter((kind) => !missing.has(kind));
  }

  static async start(options: BenchOptions, progress: (text: string) => void): Promise<Bench> {
    const cores = divideCores();
    if (cores.server === null) progress('processes are not pinned to cores: no taskset, or one core only');
    const folder = mkdtempSync(join(options.folder ?? tmpdir(), 'push-bench-'));
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
    const mariaDb = options.databases.includes('mariadb') ? await openMariaDb() : null;
    if (options.databases.includes('mariadb') && !mariaDb) progress('MariaDB is left out: it is not installed');
    const redis = options.databases.includes('redis') ? await openRedis() : null;
    if (options.databases.includes('redis') && !redis) progress('Redis is left out: it is not installed');
    const env = { ONION_PRIVATE_KEY_FILE: keyFileIn(folder) };
    const floor = await startFloor({ cores: cores.server, folder, env });
    const publicKey = Buffer.from(floor.publicKey, 'hex');
    const generator = await Generator.start(cores.rest, publicKey, options.connections);
    const gateways = await Gateways.start(cores.rest, join(folder, 'credentials'), options.gatewayLatencyMs);
    return new Bench(options, cores, folder, floor, generator, gateways, mariaDb, redis, progress);
  }

  /** An empty one. */
  async createDatabase(kind: DatabaseKind): Promise<BenchDatabase> {
    switch (kind) {
      case 'sqlite':
        return createSqliteDatabase(join(this.folder, `${++this.madeDatabases}.sqlite`));
      case 'redis':
        if (!this.redis) throw new Error('there is no Redis');
        return this.redis.createQueue(await this.createDatabase('sqlite'));
      case 'mariadb':
        if (!this.mariaDb) throw new Error('there is no MariaDB');
        return this.mariaDb.create();
    }
  }

  /** @param env variables on top */
  startServer(database: BenchDatabase, env: Readonly<Record<string, string>> = {}): Promise<StartedServer> {
    const options = this.targetOptions(database);
    return startServer({ ...options, env: { ...options.env, ...env } });
  }

  /** A server of so many processes, on two cores. */
  startWorkers(database: BenchDatabase, workers: number): Promise<StartedServer> {
    const { env, ...options } = this.targetOptions(database);
    return startServer({ ...options, cores: this.cores.pair, env: { ...env, WORKERS: String(workers) } });
  }

  /** One that leaves the cores of `startWorkers` alone, as far as there are others. */
  startGeneratorBesidePair(): Promise<Generator> {
    return Generator.start(this.cores.besidePair, Buffer.from(this.floor.publicKey, 'hex'), this.options.connections);
  }

  /** @param env variables on top */
  startHeldServer(database: BenchDatabase, env: Readonly<Record<string, string>> = {}): Promise<Target> {
    const options = this.targetOptions(database);
    return startHeldServer({ ...options, env: { ...options.env, ...env } });
  }

  async stop(): Promise<void> {
    await Promise.all([this.floor.stop(), this.generator.stop(), this.gateways.stop()]);
    await Promise.all([this.mariaDb?.stop(), this.redis?.stop()]);
  }

  private targetOptions(database: BenchDatabase) {
    const env = {
      ...this.gateways.environment,
      HOST: '127.0.0.1',
      PORT: '0',
      // As in the image and in the unit of systemd.
      MALLOC_ARENA_MAX: '1',
      ...database.environment,
      ONION_PRIVATE_KEY_FILE: keyFileIn(this.folder),
    };
    return { cores: this.cores.server, folder: this.folder, env };
  }
}

const keyFileIn = (folder: string): string => join(folder, 'x25519-priv.pem');
