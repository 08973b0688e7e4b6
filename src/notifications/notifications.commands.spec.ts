import { dutiesOf } from '../config/duties.js';
import { MetricsService } from '../metrics/metrics.service.js';
import { OperatorEvents } from '../operator/operator-events.js';
import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../config/app-config.js';
import { useSqliteDatabase } from '../../test/support/test-data-source.js';
import { KeyedSealing, NoSealing, type Sealing } from '../sealing/sealing.js';
import { DuplicateFilter } from './duplicate-filter.js';
import { NotificationsCommands } from './notifications.commands.js';
import { QueuedNotification } from '../delivery/queue/queued-notification.entity.js';
import { TableQueue } from '../delivery/queue/table-queue.js';

const SUCCESS = { code: 1, message: 'Success' };

describe('NotificationsCommands', () => {
  const database = useSqliteDatabase();
  let commands: NotificationsCommands;
  const open = (sealing: Sealing): NotificationsCommands => {
    const queue = new TableQueue(
      database.dataSource.getRepository(QueuedNotification),
      database.writer,
      new MetricsService(),
      dutiesOf({ role: 'all', redisUrl: null }),
      new OperatorEvents(),
    );
    return new NotificationsCommands(
      parseConfig({ NOTIFICATION_TTL_HOURS: '2' }),
      queue,
      new DuplicateFilter(),
      sealing,
    );
  };

  beforeEach(() => {
    commands = open(new NoSealing());
  });

  const notify = (send_to: string, data: string) => commands.notify({ send_to, data });
  const stored = () => database.dataSource.getRepository(QueuedNotification).find();

  it('has the notification on disk when it answers', async () => {
    const before = Date.now();
    expect(await notify('05a', 'data')).toEqual(SUCCESS);
    const [row] = await stored();
    expect(row).toMatchObject({ lane: 'intake', recipient: '05a', data: 'data', targets: null, attempts: 0 });
    expect(row?.notificationId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    expect(row?.acceptedAt).toBeGreaterThanOrEqual(before);
    expect(row?.availableAt).toBe(row?.acceptedAt);
    expect(row?.expiresAt).toBe((row?.acceptedAt ?? 0) + 2 * 3_600_000);
  });

  it('puts the recipient into the queue in its stored form', async () => {
    const sealing = new KeyedSealing(randomBytes(32));
    await open(sealing).notify({ send_to: '05a', data: 'data' });
    expect(await stored()).toMatchObject([{ recipient: sealing.id('05a') }]);
  });

  it('queues what is sent several times once, and answers Success each time', async () => {
    const answers = await Promise.all([1, 2, 3, 4].map(() => notify('05a', 'data')));
    expect(answers).toEqual([SUCCESS, SUCCESS, SUCCESS, SUCCESS]);
    expect(await stored()).toHaveLength(1);
  });

  it('queues the same data for each recipient', async () => {
    await Promise.all([notify('05a', 'data'), notify('05b', 'data')]);
    expect(await stored()).toHaveLength(2);
  });

  it('keeps 4096 bytes, and without content what no provider can carry', async () => {
    await notify('05a', 'x'.repeat(4096));
    await notify('05b', 'x'.repeat(4097));
    await notify('05c', 'ä'.repeat(2049));
    const rows = await stored();
    const data = Object.fromEntries(rows.map((row) => [row.recipient, row.data]));
    expect(data).toEqual({ '05a': 'x'.repeat(4096), '05b': null, '05c': null });
  });

  it('queues each text above the limit for itself', async () => {
    await notify('05a', 'x'.repeat(5000));
    await notify('05a', 'y'.repeat(5000));
    expect(await stored()).toHaveLength(2);
  });

  it('fails when the disk refuses, and queues the next try', async () => {
    await database.dataSource.query('ALTER TABLE queued_notifications RENAME TO away');
    await expect(notify('05a', 'data')).rejects.toThrow('queued_notifications');
    await database.dataSource.query('ALTER TABLE away RENAME TO queued_notifications');
    expect(await notify('05a', 'data')).toEqual(SUCCESS);
    expect(await stored()).toHaveLength(1);
  });
});
