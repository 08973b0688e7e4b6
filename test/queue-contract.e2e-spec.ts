import { legacyContent, NO_CONTENT } from '../src/providers/push-content.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Lane, type NewQueueItem, type QueueItem } from '../src/delivery/queue/notification-queue.js';
import { describeEachEngine, type QueueEngine, type QueueProcess } from './support/queue-engines.js';
import { storedId, storedToken } from './support/stored.js';

const HOUR_MS = 3_600_000;

function newItem(fields: Partial<NewQueueItem> = {}): NewQueueItem {
  const now = Date.now();
  return {
    notificationId: uuidv7(),
    lane: 'intake',
    recipient: storedId('somebody'),
    content: legacyContent('data'),
    urgency: 'high',
    to: null,
    acceptedAt: now,
    expiresAt: now + HOUR_MS,
    availableAt: now,
    attempts: 0,
    ...fields,
  };
}

const notificationIds = (items: readonly NewQueueItem[]) => items.map((item) => item.notificationId).toSorted();

describeEachEngine('the queue', (create) => {
  let engine: QueueEngine;
  let first: QueueProcess;
  const open: QueueProcess[] = [];

  const start = async (): Promise<QueueProcess> => {
    const started = await engine.open();
    open.push(started);
    return started;
  };
  beforeEach(async () => {
    engine = await create();
    first = await start();
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((one) => one.stop()));
  });

  const add = async (...items: NewQueueItem[]) => {
    await Promise.all(items.map((item) => first.queue.add(item)));
    return items;
  };
  /** Claims until there are `count` items or the time is over. */
  const claim = async ({ queue }: QueueProcess, lane: Lane, count: number, timeoutMs = 8000): Promise<QueueItem[]> => {
    const items: QueueItem[] = [];
    for (const end = Date.now() + timeoutMs; items.length < count && Date.now() < end; await sleep(20)) {
      items.push(...(await queue.claim(lane, count - items.length)));
    }
    return items;
  };
  /** Puts items into a lane the way delivery does: as what is left to do of another. */
  const put = async (...later: NewQueueItem[]) => {
    await add(newItem());
    const [before] = await claim(first, 'intake', 1);
    await first.queue.settle(before?.id ?? '', later);
    return later;
  };
  const nothing = async (process: QueueProcess, lane: Lane) => {
    await sleep(50);
    expect(await process.queue.claim(lane, 10)).toEqual([]);
  };

  it('gives what was added, field by field', async () => {
    const target = { token: storedToken('a'), registeredAt: 5, apnsEnvironment: 'sandbox' as const };
    const texts = newItem({
      content: legacyContent('😀 "quoted" \\ \n \0'),
      recipient: storedId('r'),
      expiresAt: Date.now() + 60_000,
    });
    const bare = newItem({ content: NO_CONTENT });
    await add(texts);
    expect(await claim(first, 'intake', 1)).toMatchObject([texts]);
    await add(bare);
    expect(await claim(first, 'intake', 1)).toMatchObject([bare]);
    const [retry] = await put(newItem({ lane: 'apns', to: { provider: 'apns', targets: [target] }, attempts: 3 }));
    expect(await claim(first, 'apns', 1)).toMatchObject([retry]);
  });

  it('gives each item to one claim', async () => {
    const items = await add(...Array.from({ length: 300 }, () => newItem()));
    const claims = await Promise.all(Array.from({ length: 6 }, () => claim(first, 'intake', 50)));
    expect(notificationIds(claims.flat())).toEqual(notificationIds(items));
    await nothing(first, 'intake');
  });

  it('gives no more than it is asked for', async () => {
    await add(...Array.from({ length: 30 }, () => newItem()));
    expect(await claim(first, 'intake', 7)).toHaveLength(7);
    expect(await first.queue.claim('intake', 7)).toHaveLength(7);
    expect(await claim(first, 'intake', 16)).toHaveLength(16);
  });

  it('forgets what is settled', async () => {
    await add(newItem(), newItem());
    for (const { id } of await claim(first, 'intake', 2)) await first.queue.settle(id, []);
    await first.stop();
    const next = await start();
    await sleep(50);
    expect(await next.queue.claim('intake', 10)).toEqual([]);
  });

  it('keeps what is left of a settled item, under its notification id', async () => {
    const item = newItem();
    await add(item);
    const [claimed] = await claim(first, 'intake', 1);
    const left = { ...item, lane: 'fcm' as const, to: { provider: 'fcm' as const, targets: [] }, attempts: 1 };
    await first.queue.settle(claimed?.id ?? '', [left, { ...left, lane: 'huawei' }]);
    expect(await claim(first, 'fcm', 1)).toMatchObject([left]);
    expect(notificationIds(await claim(first, 'huawei', 1))).toEqual([item.notificationId]);
    await nothing(first, 'intake');
  });

  it('holds an item back until it is due', async () => {
    const dueAt = Date.now() + 700;
    await put(newItem({ lane: 'apns', availableAt: dueAt }), newItem({ availableAt: dueAt }));
    await nothing(first, 'apns');
    await nothing(first, 'intake');
    expect(await claim(first, 'apns', 1)).toHaveLength(1);
    expect(Date.now()).toBeGreaterThanOrEqual(dueAt);
    expect(await claim(first, 'intake', 1)).toHaveLength(1);
  });

  it('makes due what is put off until later than a time', async () => {
    const now = Date.now();
    const [far] = await put(
      newItem({ lane: 'apns', availableAt: now + 2 * HOUR_MS }),
      newItem({ lane: 'apns', availableAt: now + HOUR_MS / 2 }),
    );
    await first.queue.makeDue(now + HOUR_MS);
    expect(notificationIds(await claim(first, 'apns', 1))).toEqual(notificationIds(far ? [far] : []));
    await nothing(first, 'apns');
  });

  it("gives a provider's items newest first, however they got there", async () => {
    const now = Date.now();
    const accepted = [30, 10, 40, 20].map((seconds) => now - seconds * 1000);
    await put(newItem({ lane: 'apns', acceptedAt: accepted[0], availableAt: now + 300 }));
    await put(newItem({ lane: 'apns', acceptedAt: accepted[1], availableAt: now + 500 }));
    await put(...accepted.slice(2).map((acceptedAt) => newItem({ lane: 'apns', acceptedAt })));
    await sleep(700);
    // One at a time: whoever asks in between gets the newest of what is left.
    const order: number[] = [];
    for (let index = 0; index < 4; index++) order.push((await claim(first, 'apns', 1))[0]?.acceptedAt ?? 0);
    expect(order).toEqual(accepted.toSorted((a, b) => b - a));
  });

  it('gives what was claimed and not settled again after a crash, and nothing else', async () => {
    const items = await add(...Array.from({ length: 20 }, () => newItem()));
    const claimed = await claim(first, 'intake', 15);
    for (const { id } of claimed.slice(0, 5)) await first.queue.settle(id, []);
    // The time in which an engine may still bring back what was settled just now.
    await sleep(400);
    await first.die();
    const next = await start();
    const again: QueueItem[] = [];
    // Alone or in some groups, as its engine has it.
    while (again.length < 15) {
      const suspects = await claimSuspects(next, 2);
      if (suspects.length === 0) break;
      again.push(...suspects);
      for (const { id } of suspects) await next.queue.settle(id, []);
    }
    const settled = new Set(claimed.slice(0, 5).map((item) => item.notificationId));
    expect(notificationIds(again)).toEqual(notificationIds(items.filter((item) => !settled.has(item.notificationId))));
  });

  /** What processes died with at most so often, when it is found. */
  const claimSuspects = async (process: QueueProcess, deaths: 1 | 2, timeoutMs = 8000): Promise<QueueItem[]> => {
    for (const end = Date.now() + timeoutMs; Date.now() < end; await sleep(20)) {
      // An engine may find out with a claim, out of which none of them comes.
      expect(await process.queue.claim('intake', 10)).toEqual([]);
      const items = await process.queue.claimSuspects(deaths);
      if (items.length > 0) return items;
    }
    return [];
  };

  it('gives what a process died with apart from everything else, and again when it is settled', async () => {
    const items = await add(newItem(), newItem(), newItem());
    await claim(first, 'intake', 3);
    await first.die();
    const next = await start();
    const suspects = await claimSuspects(next, 1);
    expect(notificationIds(suspects)).toEqual(notificationIds(items));
    expect(await next.queue.claimSuspects(1)).toEqual([]);
    for (const { id, ...item } of suspects) await next.queue.settle(id, [item]);
    // It was worked on and nobody died: what is left to do is like any other.
    expect(notificationIds(await claim(next, 'intake', 3))).toEqual(notificationIds(items));
  });

  it('gives alone what two processes died with, and sets aside what three did', async () => {
    const items = await add(newItem(), newItem());
    await claim(first, 'intake', 2);
    await first.die();
    const second = await start();
    expect(await claimSuspects(second, 1)).toHaveLength(2);
    await second.die();
    const third = await start();
    expect(await claimSuspects(third, 1, 1500)).toEqual([]);
    const [poison, ...others] = await claimSuspects(third, 2);
    expect(others).toEqual([]);
    await third.die();
    const fourth = await start();
    const [innocent] = await claimSuspects(fourth, 2);
    expect(notificationIds([poison, innocent].filter((item) => item !== undefined))).toEqual(notificationIds(items));
    await fourth.queue.settle(innocent?.id ?? '', []);
    await nothing(fourth, 'intake');
    expect(await claimSuspects(fourth, 2, 1500)).toEqual([]);
    const aside = (await fourth.queue.depth()).find(({ lane }) => lane === 'aside');
    expect(aside?.count).toBe(1);
    await expect.poll(() => fourth.events).toEqual([{ kind: 'set-aside', count: 1 }]);
    for (const earlier of [first, second, third]) expect(earlier.events).toEqual([]);
  });

  it('drops what is set aside when its time is over', async () => {
    const soon = Date.now() + 6000;
    await add(newItem({ expiresAt: soon }));
    let process = first;
    await claim(process, 'intake', 1);
    for (let deaths = 1; deaths < 3; deaths++) {
      await process.die();
      process = await start();
      expect(await claimSuspects(process, 2)).toHaveLength(1);
    }
    await process.die();
    process = await start();
    await claimSuspects(process, 2, 1500);
    await sleep(Math.max(0, soon - Date.now()));
    const [expired] = await process.queue.claimExpired('aside', 10);
    expect(expired?.expiresAt).toBe(soon);
    await process.queue.settle(expired?.id ?? '', []);
    expect((await process.queue.depth()).reduce((sum, { count }) => sum + count, 0)).toBe(0);
  });

  it('gives what a stopped process had not settled to the next at once', async () => {
    const items = await add(...Array.from({ length: 10 }, () => newItem()));
    const [settled] = await claim(first, 'intake', 3);
    await first.queue.settle(settled?.id ?? '', []);
    await first.stop();
    const again = await claim(await start(), 'intake', 9, 400);
    expect(notificationIds(again)).toEqual(
      notificationIds(items.filter((item) => item.notificationId !== settled?.notificationId)),
    );
  });

  it('settles an item twice without harm', async () => {
    await add(newItem());
    const [item] = await claim(first, 'intake', 1);
    await first.queue.settle(item?.id ?? '', []);
    await expect(first.queue.settle(item?.id ?? '', [])).resolves.toBeUndefined();
    await nothing(first, 'intake');
  });

  it('tells when an item can be claimed', async () => {
    const told = new Promise<void>((resolve) => first.queue.onAdded(resolve));
    expect(await first.queue.claim('intake', 1)).toEqual([]);
    await add(newItem());
    await told;
    expect(await claim(first, 'intake', 1)).toHaveLength(1);
  });

  it('tells so each time, also when the items before were taken without waiting', async () => {
    let told = () => {};
    first.queue.onAdded(() => told());
    for (let round = 0; round < 3; round++) {
      await put(newItem());
      expect(await claim(first, 'intake', 1)).toHaveLength(1);
      expect(await first.queue.claim('intake', 1)).toEqual([]);
      // Enough for an answer to the question that this claim has asked.
      await sleep(50);
      const heard = new Promise<void>((resolve) => (told = resolve));
      await add(newItem());
      await heard;
      expect(await claim(first, 'intake', 1)).toHaveLength(1);
    }
  });

  it('takes out items whose time is over, also those that are not due', async () => {
    const now = Date.now();
    const over = { lane: 'huawei' as const, expiresAt: now - 1, acceptedAt: now - HOUR_MS };
    await put(newItem(over));
    await put(newItem({ ...over, availableAt: now + HOUR_MS }));
    await put(newItem({ lane: 'huawei' }));
    expect(await first.queue.claimExpired('apns', 10)).toEqual([]);
    const expired = await first.queue.claimExpired('huawei', 10);
    expect(expired.map(({ expiresAt }) => expiresAt)).toEqual([now - 1, now - 1]);
    for (const { id } of expired) await first.queue.settle(id, []);
    expect(await first.queue.claimExpired('huawei', 10)).toEqual([]);
    expect(await claim(first, 'huawei', 1)).toHaveLength(1);
    await nothing(first, 'huawei');
  });

  it('tells how much there is and how old it is', async () => {
    const now = Date.now();
    await put(newItem({ lane: 'fcm', acceptedAt: now - 5000, availableAt: now + HOUR_MS }), newItem({ lane: 'fcm' }));
    await add(newItem({ acceptedAt: now - 2000 }), newItem({ acceptedAt: now - 1000 }), newItem());
    await claim(first, 'intake', 1);
    const depth = new Map((await first.queue.depth()).map((lane) => [lane.lane, lane]));
    expect(depth.get('intake')).toMatchObject({ lane: 'intake', count: 3, oldestAcceptedAt: now - 2000 });
    expect(depth.get('fcm')).toMatchObject({ lane: 'fcm', count: 2, oldestAcceptedAt: now - 5000 });
    expect(depth.get('apns')?.count ?? 0).toBe(0);
  });

  it('can be probed, and leaves nothing behind', async () => {
    await first.queue.probe();
    await nothing(first, 'intake');
    expect((await first.queue.depth()).reduce((sum, { count }) => sum + count, 0)).toBe(0);
  });

  it('has written everything when it was flushed', async () => {
    const adding = Promise.all(Array.from({ length: 50 }, () => first.queue.add(newItem())));
    await first.queue.flush();
    await first.die();
    const next = await start();
    const found: QueueItem[] = [];
    for (const end = Date.now() + 8000; found.length < 50 && Date.now() < end; await sleep(20)) {
      found.push(...(await next.queue.claim('intake', 50)), ...(await next.queue.claimSuspects(1)));
    }
    expect(found).toHaveLength(50);
    await adding;
  });
});
