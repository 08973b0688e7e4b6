import { Global, Module } from '@nestjs/common';
import { dutiesOf } from '../../src/config/duties.js';
import { MetricsService } from '../../src/metrics/metrics.service.js';
import { Test } from '@nestjs/testing';
import { describe, inject } from 'vitest';
import { parseConfig } from '../../src/config/app-config.js';
import { ConfigModule } from '../../src/config/config.module.js';
import { DatabaseId } from '../../src/database/database-id.js';
import { DatabaseWriter } from '../../src/database/database-writer.js';
import { BullmqTimes } from '../../src/delivery/queue/redis/bullmq-queue.js';
import { BullmqQueueModule } from '../../src/delivery/queue/redis/bullmq-queue.module.js';
import { NotificationQueue } from '../../src/delivery/queue/notification-queue.js';
import { QueuedNotification } from '../../src/delivery/queue/queued-notification.entity.js';
import { TableQueue } from '../../src/delivery/queue/table-queue.js';
import { type OperatorEvent, OperatorEvents } from '../../src/operator/operator-events.js';
import { RedisClient } from '../../src/redis/redis-client.js';
import { RedisModule } from '../../src/redis/redis.module.js';
import { describeEachDatabase, type TestDatabases } from './databases.js';
import { createRedisDatabase } from './redis-databases.js';
import { openDataSource } from './test-data-source.js';

/** A process that uses the queue. */
export interface QueueProcess {
  readonly queue: NotificationQueue;
  /** What the operator was told, from the start on. */
  readonly events: readonly OperatorEvent[];
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
  return { open: () => openTable(url) };
}

/** @param url of a database that may be empty */
export async function openTable(url: string): Promise<QueueProcess> {
  const dataSource = await openDataSource(url);
  const { operator, events } = listenToOperator();
  const queue = new TableQueue(
    dataSource.getRepository(QueuedNotification),
    new DatabaseWriter(dataSource, new MetricsService()),
    new MetricsService(),
    dutiesOf({ role: 'all', redisUrl: null }),
    operator,
  );
  await queue.onModuleInit();
  const die = async (): Promise<void> => {
    if (dataSource.isInitialized) await dataSource.destroy();
  };
  const stop = async (): Promise<void> => {
    if (!dataSource.isInitialized) return;
    await queue.flush();
    await queue.release();
    await die();
  };
  return { queue, events, stop, die };
}

function listenToOperator(): { operator: OperatorEvents; events: OperatorEvent[] } {
  const operator = new OperatorEvents();
  const events: OperatorEvent[] = [];
  operator.on((event) => events.push(event));
  return { operator, events };
}

/** What a queue needs of its surroundings, without a database. */
@Global()
@Module({
  providers: [
    MetricsService,
    OperatorEvents,
    { provide: DatabaseId, useValue: new DatabaseId('a database of the tests') },
  ],
  exports: [DatabaseId, MetricsService, OperatorEvents],
})
class NoDatabase {}

/** @param database whose queue it is; default: that of tests which have none */
export async function openBullmq(
  url: string,
  times: BullmqTimes = SHORT_TIMES,
  database?: DatabaseId,
): Promise<QueueProcess> {
  const { operator, events } = listenToOperator();
  const builder = Test.createTestingModule({
    imports: [ConfigModule.forRoot(parseConfig({ REDIS_URL: url })), NoDatabase, RedisModule, BullmqQueueModule],
  })
    .overrideProvider(BullmqTimes)
    .useValue(times)
    .overrideProvider(OperatorEvents)
    .useValue(operator);
  if (database) builder.overrideProvider(DatabaseId).useValue(database);
  const module = await builder.compile();
  await module.init();
  const queue = module.get(NotificationQueue);
  return {
    queue,
    events,
    // In the order of a server's stop.
    stop: async () => {
      await queue.flush();
      await queue.release();
      await module.close();
    },
    // Without its connection it can neither keep its locks nor give anything back.
    die: async () => {
      module.get(RedisClient).disconnect();
      await module.close();
    },
  };
}
