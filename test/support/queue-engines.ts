import { Test } from '@nestjs/testing';
import { describe, inject } from 'vitest';
import { parseConfig } from '../../src/config/app-config.js';
import { ConfigModule } from '../../src/config/config.module.js';
import { DatabaseWriter } from '../../src/database/database-writer.js';
import { BULLMQ_TIMES, type BullmqTimes } from '../../src/notifications/queue/bullmq-queue.js';
import { BullmqQueueModule } from '../../src/notifications/queue/bullmq-queue.module.js';
import { NotificationQueue } from '../../src/notifications/queue/notification-queue.js';
import { QueuedNotification } from '../../src/notifications/queue/queued-notification.entity.js';
import { TableQueue } from '../../src/notifications/queue/table-queue.js';
import { RedisClient } from '../../src/redis/redis-client.js';
import { RedisModule } from '../../src/redis/redis.module.js';
import { describeEachDatabase, type TestDatabases } from './databases.js';
import { createRedisDatabase } from './redis-databases.js';
import { openDataSource } from './test-data-source.js';

/** A process that uses the queue. */
export interface QueueProcess {
  readonly queue: NotificationQueue;
  /** As on SIGTERM. */
  stop(): Promise<void>;
  /** As on SIGKILL. */
  die(): Promise<void>;
}

/** A queue that outlives the processes that use it. */
export interface QueueEngine {
  open(): Promise<QueueProcess>;
}

/** So that a take-over takes less than a second. */
const SHORT_TIMES: BullmqTimes = { lockMs: 600, stalledMs: 150, renewMs: 100 };

/** Describes what every engine of the queue does. */
export function describeEachEngine(name: string, suite: (create: () => Promise<QueueEngine>) => void): void {
  describeEachDatabase(`${name}: the table`, (databases) => suite(() => createTable(databases)));
  describe.skipIf(inject('redisUrl') === null)(`${name}: BullMQ`, () => {
    suite(async () => {
      const url = await createRedisDatabase();
      return { open: () => openBullmq(url) };
    });
  });
}

async function createTable(databases: TestDatabases): Promise<QueueEngine> {
  const url = await databases.create();
  return {
    open: async () => {
      const dataSource = await openDataSource(url);
      const queue = new TableQueue(dataSource.getRepository(QueuedNotification), new DatabaseWriter(dataSource));
      await queue.onModuleInit();
      const die = async (): Promise<void> => {
        if (dataSource.isInitialized) await dataSource.destroy();
      };
      const stop = async (): Promise<void> => {
        await queue.flush();
        await die();
      };
      return { queue, stop, die };
    },
  };
}

export async function openBullmq(url: string, times: BullmqTimes = SHORT_TIMES): Promise<QueueProcess> {
  const module = await Test.createTestingModule({
    imports: [ConfigModule.forRoot(parseConfig({ REDIS_URL: url })), RedisModule, BullmqQueueModule],
  })
    .overrideProvider(BULLMQ_TIMES)
    .useValue(times)
    .compile();
  await module.init();
  const queue = module.get(NotificationQueue);
  return {
    queue,
    stop: () => module.close(),
    // Without its connection it can neither keep its locks nor give anything back.
    die: async () => {
      module.get(RedisClient).disconnect();
      await module.close();
    },
  };
}
