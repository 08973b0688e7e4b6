import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { LANES } from '../../src/delivery/queue/notification-queue.js';
import { KEY_PREFIX } from '../../src/redis/redis-client.js';
import { findRedis, PrivateRedis } from '../../test/support/private-redis.js';
import { type BenchDatabase } from './bench-database.js';

/** As docs/operating.md tells operators to set it up. */
const SETTINGS = ['--appendonly', 'yes', '--appendfsync', 'everysec'];

/** Where the queues of a run are made. */
export interface RedisServer {
  /** A database whose queue is an empty one on Redis; everything else stays where it is. */
  createQueue(registry: BenchDatabase): Promise<BenchDatabase>;
  stop(): Promise<void>;
}

/** A private one, or null when it is not installed. */
export async function openRedis(): Promise<RedisServer | null> {
  const program = findRedis();
  if (program === null) return null;
  const server = await PrivateRedis.open(program, SETTINGS);
  let queues = 0;
  return {
    createQueue: (registry) => createQueue(`${server.url}/${queues++}`, registry),
    stop: () => server.remove(),
  };
}

async function createQueue(url: string, registry: BenchDatabase): Promise<BenchDatabase> {
  const connection = new Redis(url, { maxRetriesPerRequest: null });
  const information = await connection.info('server');
  const lanes = LANES.map((lane) => new Queue(lane, { connection, prefix: KEY_PREFIX }));
  return {
    ...registry,
    kind: 'redis',
    environment: { ...registry.environment, REDIS_URL: url },
    engine: `Redis ${fieldOf(information, 'redis_version')} and ${registry.engine}`,
    queuePid: Number(fieldOf(information, 'process_id')),
    queueIsEmpty: async () => {
      const counts = await Promise.all(lanes.map((lane) => lane.getJobCountByTypes(...UNFINISHED)));
      return counts.every((count) => count === 0);
    },
    drop: async () => {
      await Promise.all(lanes.map((lane) => lane.close()));
      await connection.flushdb();
      connection.disconnect();
      await registry.drop();
    },
  };
}

const UNFINISHED = ['waiting', 'prioritized', 'delayed', 'active'] as const;

function fieldOf(information: string, name: string): string {
  const value = new RegExp(`^${name}:(.+?)\\r?$`, 'm').exec(information)?.[1];
  if (value === undefined) throw new Error(`Redis does not tell its ${name}`);
  return value;
}
