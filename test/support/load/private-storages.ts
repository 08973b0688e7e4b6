import { join } from 'node:path';
import { findMariaDb, type PrivateMariaDb, startMariaDb } from '../private-mariadb.js';
import { findRedis, PrivateRedis } from '../private-redis.js';
import { query } from '../query.js';

/** `redis`: the queue is on Redis, the ids are on MariaDB. */
export type StorageKind = 'sqlite' | 'mariadb' | 'redis';

export interface PrivateStorage {
  /** DATABASE_URL. */
  readonly url: string;
  /** The variables that lead a server to it. */
  readonly env: Readonly<Record<string, string>>;
}

/** Empty databases on servers that are started when they are first wanted and end with the run. */
export class PrivateStorages {
  private mariaDb: PrivateMariaDb | null = null;
  private redis: PrivateRedis | null = null;
  private made = 0;

  /**
   * @param folder where SQLite's files are made
   * @param mariaDbSettings further options of MariaDB
   */
  constructor(
    private readonly folder: string,
    private readonly mariaDbSettings: readonly string[] = [],
  ) {}

  async create(kind: StorageKind): Promise<PrivateStorage> {
    const number = ++this.made;
    if (kind === 'sqlite') return embedded(`sqlite:${join(this.folder, `${number}.sqlite`)}`);
    this.mariaDb ??= await this.openMariaDb();
    await query(this.mariaDb.url, `CREATE DATABASE storage_${number}`);
    const { url, env } = embedded(`${this.mariaDb.url}/storage_${number}`);
    if (kind === 'mariadb') return { url, env };
    this.redis ??= await this.openRedis();
    return { url, env: { ...env, REDIS_URL: `${this.redis.url}/${number}` } };
  }

  async close(): Promise<void> {
    await this.redis?.remove();
    await this.mariaDb?.stop();
  }

  private openMariaDb(): Promise<PrivateMariaDb> {
    const programs = findMariaDb();
    if (!programs) throw new Error('MariaDB is not installed (on Debian: apt-get install mariadb-server).');
    return startMariaDb(programs, this.mariaDbSettings);
  }

  private openRedis(): Promise<PrivateRedis> {
    const program = findRedis();
    if (program === null) throw new Error('Redis is not installed (on Debian: apt-get install redis-server).');
    return PrivateRedis.open(program);
  }
}

const embedded = (url: string): PrivateStorage => ({ url, env: { DATABASE_URL: url } });
