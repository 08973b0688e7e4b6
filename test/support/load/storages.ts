import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { describe, inject } from 'vitest';
import { LANES } from '../../../src/delivery/queue/notification-queue.js';
import { type Batch, itemsOf } from '../../../src/delivery/queue/redis/queue-jobs.js';
import { KEY_PREFIX } from '../../../src/redis/redis-client.js';
import { describeEachDatabase } from '../databases.js';
import { createRedisDatabase } from '../redis-databases.js';
import { readQueuedRows, readStoredState, type StoredState } from './stored-state.js';

/** Where a server of its own process keeps what it acknowledged. */
export interface LoadStorage {
  /** The variables that lead a server to it. */
  readonly env: Readonly<Record<string, string>>;
  /** What is there while no server runs. */
  read(): Promise<StoredState>;
  /** The data of what is queued, also while a server runs; null = it is without content. */
  readQueue(): Promise<(string | null)[]>;
}

/** Describes one behaviour on SQLite, on MariaDB, and on MariaDB with the queue on Redis. */
export function describeEachStorage(name: string, suite: (create: () => Promise<LoadStorage>) => void): void {
  describeEachDatabase(name, (databases) => {
    describe('with the embedded queue', () => {
      suite(async () => embedded(await databases.create()));
    });
    if (databases.kind === 'sqlite') return;
    describe.skipIf(inject('redisUrl') === null)('with the queue on Redis', () => {
      suite(async () => shared(await databases.create(), await createRedisDatabase()));
    });
  });
}

export function embedded(database: string): LoadStorage {
  return {
    env: { DATABASE_URL: database },
    read: () => readStoredState(database),
    readQueue: () => readQueuedRows(database),
  };
}

export function shared(database: string, redis: string): LoadStorage {
  return {
    env: { DATABASE_URL: database, REDIS_URL: redis },
    read: async () => ({ ...(await readStoredState(database)), queued: await readJobs(redis) }),
    readQueue: () => readJobs(redis),
  };
}

/** The data of everything in the queues on Redis; null = it is without content. */
async function readJobs(redisUrl: string): Promise<(string | null)[]> {
  const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
  try {
    const found: (string | null)[] = [];
    for (const lane of LANES) {
      const queue = new Queue<Batch>(lane, { connection, prefix: KEY_PREFIX });
      const jobs = await queue.getJobs(['waiting', 'prioritized', 'delayed', 'active']);
      found.push(
        ...jobs.flatMap(({ data }) =>
          itemsOf(data).map(({ content }) => {
            if (content.kind === 'none') return null;
            return content.kind === 'legacy' ? content.data : content.payload;
          }),
        ),
      );
      await queue.close();
    }
    return found;
  } finally {
    connection.disconnect();
  }
}
