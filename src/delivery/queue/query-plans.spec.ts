import { dutiesOf } from '../../config/duties.js';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataSource, type Logger } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../../config/app-config.js';
import { ENTITIES } from '../../data-source.js';
import { databaseOptions } from '../../database/database-options.js';
import { DatabaseWriter } from '../../database/database-writer.js';
import { MetricsService } from '../../metrics/metrics.service.js';
import { OperatorEvents } from '../../operator/operator-events.js';
import { NO_CONTENT } from '../../providers/push-content.js';
import { type NewQueueItem } from './notification-queue.js';
import { QueuedNotification } from './queued-notification.entity.js';
import { TableQueue } from './table-queue.js';
import { storedId } from '../../../test/support/stored.js';

const HOUR_MS = 3_600_000;

/** Keeps every statement. */
class Statements implements Logger {
  readonly seen = new Map<string, unknown[]>();

  logQuery(query: string, parameters: unknown[] = []): void {
    if (/queued_notifications/.test(query) && /^(SELECT|UPDATE|DELETE)/.test(query)) this.seen.set(query, parameters);
  }
  logQueryError(): void {}
  logQuerySlow(): void {}
  logSchemaBuild(): void {}
  logMigration(): void {}
  log(): void {}
}

function newItem(fields: Partial<NewQueueItem>): NewQueueItem {
  const now = Date.now();
  return {
    notificationId: uuidv7(),
    lane: 'apns',
    recipient: storedId('r'),
    content: NO_CONTENT,
    urgency: 'high',
    to: null,
    acceptedAt: now,
    expiresAt: now + HOUR_MS,
    availableAt: now,
    attempts: 0,
    ...fields,
  };
}

describe('a queue with very many rows', () => {
  const statements = new Statements();
  let folder: string;
  let dataSource: DataSource;
  let queue: TableQueue;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'spns-plans-'));
    const { database } = parseConfig({ DATABASE_URL: `sqlite:${join(folder, 'test.sqlite')}` });
    const options = {
      ...databaseOptions(database),
      entities: ENTITIES,
      logging: ['query' as const],
      logger: statements,
    };
    dataSource = await new DataSource(options).initialize();
    statements.seen.clear();
    queue = new TableQueue(
      dataSource.getRepository(QueuedNotification),
      new DatabaseWriter(dataSource, new MetricsService()),
      new MetricsService(),
      dutiesOf({ role: 'all', redisUrl: null }),
      new OperatorEvents(),
    );
    await queue.onModuleInit();
  });
  afterEach(async () => {
    await dataSource.destroy();
    rmSync(folder, { recursive: true, force: true });
  });

  /** So many rows of a lane, made within the database, that are put off and some that are due. */
  async function fill(lane: string, putOff: number, due: number, dueAcceptedAt: number): Promise<void> {
    const now = Date.now();
    const rows = (count: number, acceptedAt: string, availableAt: number) =>
      dataSource.query(
        `WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${count})
         INSERT INTO queued_notifications (id, notification_id, lane, leased, available_at, accepted_at, expires_at,
                                           attempts, recipient, data, urgency)
         SELECT hex(randomblob(16)), 'n', '${lane}', 0, ${availableAt}, ${acceptedAt}, ${now + HOUR_MS}, 0, 'r', 'd', 'high'
           FROM numbers`,
      );
    if (putOff > 0) await rows(putOff, `${now} + n`, now + HOUR_MS);
    if (due > 0) await rows(due, `${dueAcceptedAt} + n`, now - 1000);
    statements.seen.clear();
  }

  it('answers every statement by an index', async () => {
    await fill('apns', 20_000, 0, 0);
    await fill('intake', 2000, 2000, Date.now());
    for (const lane of ['intake', 'apns'] as const) {
      await queue.claim(lane, 10);
      await queue.claimExpired(lane, 10);
    }
    await queue.add(newItem({ lane: 'intake' }));
    const [item] = await queue.claim('intake', 1);
    await queue.settle(item?.id ?? '', [newItem({})]);
    await queue.depth();
    await queue.probe();
    await queue.onModuleInit();
    // A failed write makes it look for marks that nobody meant.
    await dataSource.query('PRAGMA query_only = 1');
    await expect(queue.add(newItem({ lane: 'intake' }))).rejects.toThrow('readonly');
    await dataSource.query('PRAGMA query_only = 0');
    await queue.claim('intake', 1);
    queue.onApplicationShutdown();

    const plans: { statement: string; plan: string }[] = [];
    for (const [statement, parameters] of statements.seen) {
      const steps = await dataSource.query<{ detail: string }[]>(`EXPLAIN QUERY PLAN ${statement}`, parameters);
      plans.push({ statement, plan: steps.map(({ detail }) => detail).join('; ') });
    }
    expect(plans.length).toBeGreaterThan(10);
    expect(plans.filter(({ plan }) => /SCAN queued_notifications/.test(plan))).toEqual([]);
    // What is sorted is a page at the most.
    expect(plans.filter(({ plan }) => /TEMP B-TREE/.test(plan))).toEqual([]);
    expect(plans.some(({ statement }) => statement.includes('leased = 1'))).toBe(true);
  });

  it('finds at once that nothing is due, and what little is', async () => {
    const long = Date.now() - HOUR_MS;
    await fill('apns', 300_000, 0, 0);
    const timesOf = async (work: () => Promise<unknown[]>): Promise<number> => {
      const times: number[] = [];
      for (let count = 0; count < 5; count++) {
        const began = performance.now();
        expect(await work()).toEqual([]);
        times.push(performance.now() - began);
      }
      return Math.min(...times);
    };
    const claim = await timesOf(() => queue.claim('apns', 100));
    const steppingOverAll = await timesOf(() =>
      dataSource.query(
        `SELECT id FROM queued_notifications WHERE lane = 'apns' AND leased = 0 AND +available_at <= ?
          ORDER BY accepted_at DESC LIMIT 100`,
        [Date.now()],
      ),
    );
    expect(claim).toBeLessThan(steppingOverAll / 5);
    await fill('apns', 0, 50, long);
    const items = await queue.claim('apns', 20);
    const acceptedAt = items.map((item) => item.acceptedAt);
    expect(acceptedAt).toEqual(Array.from({ length: 20 }, (_, index) => long + 50 - index));
  });

  it('gives the newest of very many that are due, and those that are due for longest when the newest are put off', async () => {
    const long = Date.now() - HOUR_MS;
    await fill('fcm', 0, 5000, long);
    expect((await queue.claim('fcm', 3)).map(({ acceptedAt }) => acceptedAt)).toEqual([
      long + 5000,
      long + 4999,
      long + 4998,
    ]);
    await fill('fcm', 5000, 0, 0);
    const items = await queue.claim('fcm', 100);
    expect(items).toHaveLength(100);
    expect(new Set(items.map(({ id }) => id)).size).toBe(100);
    expect(items.every(({ acceptedAt }) => acceptedAt <= long + 5000)).toBe(true);
  });

  it('is counted exactly, also when many were accepted in one moment, and the event loop has its turns', async () => {
    const now = Date.now();
    await fill('apns', 100_000, 0, 0);
    await fill('apns', 0, 7, now - HOUR_MS);
    await dataSource.query(`UPDATE queued_notifications SET accepted_at = ${now + 500}
      WHERE accepted_at BETWEEN ${now + 500} AND ${now + 30_000}`);
    let turns = 0;
    let isCounting = true;
    const count = (): void => {
      turns++;
      if (isCounting) setImmediate(count);
    };
    count();
    const depth = await queue.depth();
    isCounting = false;
    expect(depth).toEqual([
      { lane: 'apns', count: 100_007, oldestAcceptedAt: now - HOUR_MS + 1, dueSince: expect.any(Number) },
    ]);
    expect(turns).toBeGreaterThan(5);
  });
});
