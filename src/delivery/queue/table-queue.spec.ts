import { dutiesOf } from '../../config/duties.js';
import { MetricsService } from '../../metrics/metrics.service.js';
import { OperatorEvents } from '../../operator/operator-events.js';
import { legacyContent, NO_CONTENT } from '../../providers/push-content.js';
import { QueryFailedError } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { describeEachDatabase } from '../../../test/support/databases.js';
import { useTestDatabase } from '../../../test/support/test-data-source.js';
import { storedId, storedToken } from '../../../test/support/stored.js';
import { type StoredTarget } from '../../providers/push-transport.js';
import { type NewQueueItem } from './notification-queue.js';
import { QueuedNotification } from './queued-notification.entity.js';
import { TableQueue } from './table-queue.js';

const NOW = 1_800_000_000_000;
const HOUR_MS = 3_600_000;

function newItem(recipient: string, fields: Partial<NewQueueItem> = {}): NewQueueItem {
  return {
    notificationId: uuidv7(),
    lane: 'intake',
    recipient: storedId(recipient),
    content: legacyContent(`data for ${recipient}`),
    urgency: 'high',
    to: null,
    acceptedAt: Date.now(),
    expiresAt: Date.now() + HOUR_MS,
    availableAt: Date.now(),
    attempts: 0,
    ...fields,
  };
}

const target = (token: string): StoredTarget => ({
  token: storedToken(token),
  registeredAt: NOW,
  apnsEnvironment: null,
});
const recipients = (items: { recipient: string }[]) => items.map(({ recipient }) => recipient);
const names = (count: number) => Array.from({ length: count }, (_, index) => `r${String(index).padStart(5, '0')}`);

describeEachDatabase('TableQueue', (databases) => {
  const database = useTestDatabase(databases);
  let queue: TableQueue;

  /** A process on the queue's table: after a crash, the next one. */
  const start = async () => {
    const started = new TableQueue(
      database.dataSource.getRepository(QueuedNotification),
      database.writer,
      new MetricsService(),
      dutiesOf({ role: 'all', redisUrl: null }),
      new OperatorEvents(),
    );
    await started.onModuleInit();
    return started;
  };
  const addAll = (list: string[], fields: Partial<NewQueueItem> = {}) =>
    Promise.all(list.map((recipient) => queue.add(newItem(recipient, fields))));
  const stored = () => database.dataSource.getRepository(QueuedNotification).count();
  /** Puts items into a lane the way delivery does: as what is left to do of another. */
  const put = async (...later: NewQueueItem[]) => {
    await queue.add(newItem('the one before'));
    const [before] = await queue.claim('intake', 1);
    await queue.settle(before?.id ?? '', later);
  };

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
    queue = await start();
  });
  afterEach(() => void vi.useRealTimers());

  it('gives back what was added, field for field', async () => {
    const item = newItem('05a', {
      content: legacyContent('😀 "quoted" \\ \n \0'),
      availableAt: NOW - 5,
      expiresAt: NOW + 7,
    });
    await queue.add(item);
    expect(await queue.claim('intake', 10)).toEqual([{ ...item, id: item.notificationId }]);
  });

  it('gives back the same from the table after a crash', async () => {
    const item = newItem('05a', {
      content: legacyContent('😀 "quoted" \\ \n \0'),
      availableAt: NOW - 5,
      expiresAt: NOW + 7,
    });
    await queue.add(item);
    expect(await (await start()).claimSuspects(1)).toEqual([{ ...item, id: item.notificationId }]);
  });

  it('keeps an item without content as it is', async () => {
    await queue.add(newItem('05a', { content: NO_CONTENT }));
    expect(await (await start()).claimSuspects(1)).toMatchObject([{ content: NO_CONTENT, to: null }]);
  });

  it('gives each item to one claim only', async () => {
    await addAll(['a', 'b', 'c']);
    expect(recipients(await queue.claim('intake', 2))).toEqual(['a', 'b']);
    expect(recipients(await queue.claim('intake', 2))).toEqual(['c']);
    expect(await queue.claim('intake', 2)).toEqual([]);
  });

  it('keeps a claimed item until it is settled', async () => {
    await queue.add(newItem('05a'));
    const [item] = await queue.claim('intake', 1);
    expect(await stored()).toBe(1);
    await queue.settle(item?.id ?? '', []);
    expect(await stored()).toBe(0);
  });

  it('keeps the page that a large recipient was come to', async () => {
    await put(newItem('g', { lane: 'large', to: { provider: 'fcm', targets: [] }, cursor: '05a' }));
    expect(await queue.claim('large', 10)).toMatchObject([{ to: { provider: 'fcm', targets: [] }, cursor: '05a' }]);
  });

  it('gives what was claimed at a stop in good order to the next process, under no suspicion', async () => {
    await addAll(names(3));
    await queue.claim('intake', 2);
    await queue.release();
    const next = await start();
    expect(recipients(await next.claim('intake', 10)).toSorted()).toEqual(names(3));
    expect(await next.claimSuspects(2)).toEqual([]);
  });

  it('gives everything that was not settled to the process after a crash', async () => {
    await addAll(names(5));
    const [settled] = await queue.claim('intake', 2);
    await queue.settle(settled?.id ?? '', []);
    const next = await start();
    expect(await next.claim('intake', 100)).toEqual([]);
    expect(recipients(await next.claimSuspects(1)).toSorted()).toEqual(names(5).slice(1));
  });

  it('loses and doubles nothing of 3000 items that come faster than they are taken', async () => {
    const adding = addAll(names(3000));
    const seen: string[] = [];
    let added = false;
    void adding.then(() => (added = true));
    for (;;) {
      const last = added;
      const items = await queue.claim('intake', 256);
      seen.push(...recipients(items));
      await Promise.all(items.map(({ id }) => queue.settle(id, [])));
      if (last && items.length === 0) break;
      vi.setSystemTime(Date.now() + 100);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(seen.toSorted()).toEqual(names(3000));
    expect(await stored()).toBe(0);
  });

  it('keeps what it cannot hold in memory in the table, and takes that first', async () => {
    await addAll(names(2500));
    const seen = recipients(await queue.claim('intake', 5000));
    expect(seen.toSorted()).toEqual(names(2500));
    expect(await queue.claim('intake', 5000)).toEqual([]);
  });

  it('neither counts nor gives out an item that could not be stored', async () => {
    await database.dataSource.query('ALTER TABLE queued_notifications RENAME TO away');
    const refused = await Promise.allSettled(names(3000).map((recipient) => queue.add(newItem(recipient))));
    await database.dataSource.query('ALTER TABLE away RENAME TO queued_notifications');
    expect(refused.every(({ status }) => status === 'rejected')).toBe(true);
    expect(await queue.claim('intake', 5000)).toEqual([]);
    // The refused ones take no place in memory, so all of these do: they are marked as taken.
    await addAll(names(2000));
    expect(await database.dataSource.getRepository(QueuedNotification).countBy({ leased: true })).toBe(2000);
  });

  it('tells its listener about an item only when it is stored', async () => {
    const told: number[] = [];
    queue.onAdded(() => told.push(1));
    await database.dataSource.query('ALTER TABLE queued_notifications RENAME TO away');
    await expect(queue.add(newItem('a'))).rejects.toThrow('queued_notifications');
    await database.dataSource.query('ALTER TABLE away RENAME TO queued_notifications');
    expect(told).toHaveLength(0);
    await queue.add(newItem('b'));
    expect(told).toHaveLength(1);
  });

  it('gives an item that is put off when its time has come', async () => {
    await put(newItem('later', { availableAt: NOW + 60_000 }));
    expect(await queue.claim('intake', 10)).toEqual([]);
    vi.setSystemTime(NOW + 59_999);
    expect(await queue.claim('intake', 10)).toEqual([]);
    vi.setSystemTime(NOW + 61_000);
    expect(recipients(await queue.claim('intake', 10))).toEqual(['later']);
  });

  it('gives an item that is added for later when its time has come', async () => {
    await queue.add(newItem('later', { availableAt: NOW + 60_000 }));
    expect(await queue.claim('intake', 10)).toEqual([]);
    vi.setSystemTime(NOW + 61_000);
    expect(recipients(await queue.claim('intake', 10))).toEqual(['later']);
  });

  it('gives an item that is added to the lane of a provider there', async () => {
    await queue.add(newItem('a', { lane: 'fcm', to: { provider: 'fcm', targets: [target('t')] } }));
    expect(await queue.claim('intake', 10)).toEqual([]);
    expect(recipients(await queue.claim('fcm', 10))).toEqual(['a']);
  });

  it('puts an item into the lanes of its providers, with the devices still to reach', async () => {
    const apns: StoredTarget[] = [
      { token: storedToken('ab12'), registeredAt: NOW - 1, apnsEnvironment: 'sandbox' },
      { token: storedToken('cd34'), registeredAt: NOW - 2, apnsEnvironment: null },
    ];
    const fcm = [target('~!"\\t')];
    await put(
      newItem('x', { lane: 'apns', to: { provider: 'apns', targets: apns }, attempts: 3 }),
      newItem('x', { lane: 'fcm', to: { provider: 'fcm', targets: fcm } }),
    );
    expect(await queue.claim('apns', 10)).toMatchObject([
      { lane: 'apns', to: { provider: 'apns', targets: apns }, attempts: 3 },
    ]);
    expect(await queue.claim('fcm', 10)).toMatchObject([
      { lane: 'fcm', to: { provider: 'fcm', targets: fcm }, attempts: 0 },
    ]);
    expect(await queue.claim('huawei', 10)).toEqual([]);
    expect(await queue.claim('intake', 10)).toEqual([]);
  });

  it('gives the newest of a provider first, and the oldest of the intake', async () => {
    const at = (age: number) => ({ acceptedAt: NOW - age, availableAt: NOW - age });
    await put(
      newItem('middle', { lane: 'apns', to: { provider: 'apns', targets: [] }, ...at(200) }),
      newItem('oldest', { lane: 'apns', to: { provider: 'apns', targets: [] }, ...at(300) }),
      newItem('newest', { lane: 'apns', to: { provider: 'apns', targets: [] }, ...at(100) }),
      newItem('second', { ...at(100) }),
      newItem('first', { ...at(200) }),
    );
    expect(recipients(await queue.claim('apns', 2))).toEqual(['newest', 'middle']);
    expect(recipients(await queue.claim('apns', 2))).toEqual(['oldest']);
    expect(recipients(await queue.claim('intake', 2))).toEqual(['first', 'second']);
  });

  it('keeps what is left to do when it forgets an item, both or neither', async () => {
    await queue.add(newItem('05a'));
    const [item] = await queue.claim('intake', 1);
    const tooLong = newItem('x', {
      lane: 'apns',
      to: { provider: 'apns', targets: [] },
      notificationId: null as unknown as string,
    });
    await expect(
      queue.settle(item?.id ?? '', [newItem('y', { lane: 'fcm', to: { provider: 'fcm', targets: [] } }), tooLong]),
    ).rejects.toThrow(QueryFailedError);
    expect(recipients(await (await start()).claimSuspects(1))).toEqual(['05a']);
    expect(await queue.claim('fcm', 10)).toEqual([]);
  });

  it('settles 1100 items at once, with as many left to do', async () => {
    await addAll(names(1100));
    const items = await queue.claim('intake', 2000);
    await Promise.all(
      items.map((item) =>
        queue.settle(item.id, [{ ...item, lane: 'fcm', to: { provider: 'fcm', targets: [target(item.recipient)] } }]),
      ),
    );
    const left = recipients(await queue.claim('fcm', 5000));
    expect(left.toSorted()).toEqual(names(1100));
    expect(await stored()).toBe(1100);
  });

  it('settles an item that is not there any more', async () => {
    await expect(queue.settle(uuidv7(), [])).resolves.toBeUndefined();
  });

  it('holds 50 devices with the longest tokens in one item', async () => {
    const targets = Array.from({ length: 50 }, (_, index) => target(String(index).padStart(1024, 't')));
    await put(newItem('x', { lane: 'fcm', to: { provider: 'fcm', targets } }));
    expect(await queue.claim('fcm', 1)).toMatchObject([{ to: { targets } }]);
  });

  it('has written everything that was handed over when it is flushed', async () => {
    const added = addAll(names(700));
    await queue.flush();
    expect(await stored()).toBe(700);
    await added;
    const items = await queue.claim('intake', 1000);
    const settled = Promise.all(items.map(({ id }) => queue.settle(id, [])));
    await queue.flush();
    expect(await stored()).toBe(0);
    await settled;
  });

  it('finds at once what did not fit into memory while it was looking', async () => {
    await addAll(names(2000));
    const { manager } = database.dataSource;
    const query = manager.query.bind(manager);
    vi.spyOn(manager, 'query').mockImplementationOnce(async (...look) => {
      const found = await query(...look);
      await queue.add(newItem('beyond'));
      return found;
    });
    await queue.claim('intake', 10);
    expect(recipients(await queue.claim('intake', 5000))).toContain('beyond');
  });

  it('stores what is left of very many items with very many devices', async () => {
    await addAll(names(300));
    const before = await queue.claim('intake', 300);
    // A row holds up to 60,000 bytes of them; in one statement these would be above MariaDB's max_allowed_packet.
    const targets = Array.from({ length: 40 }, (_, index) => target(`${index}:${'"'.repeat(300)}`.padEnd(1000, 'x')));
    const left = (id: string) => newItem(id, { lane: 'apns', to: { provider: 'apns', targets } });
    await Promise.all(before.map(({ id }) => queue.settle(id, [left(id)])));
    const after = await queue.claim('apns', 300);
    expect(after).toHaveLength(300);
    expect(after.every(({ to }) => to?.targets.length === 40)).toBe(true);
  });
});
