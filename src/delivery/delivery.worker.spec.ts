import { legacyContent } from '../providers/push-content.js';
import Database from 'better-sqlite3';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type DeliveryParts, openDeliveryParts } from '../../test/support/delivery-parts.js';
import { DELIVERED, ScriptedTransport } from '../../test/support/scripted-transport.js';
import { storedId, storedToken } from '../../test/support/stored.js';
import { DatabaseWriter } from '../database/database-writer.js';
import { DevicesService } from '../devices/devices.service.js';
import { KeyedSealing } from '../sealing/sealing.js';
import { type NewQueueItem, NotificationQueue, type QueueItem } from './queue/notification-queue.js';
import { QueuedNotification } from './queue/queued-notification.entity.js';
import { type DeliveryResult, type RetryCause } from '../providers/push-transport.js';
import { type DeliveryTuning } from './delivery-tuning.js';
import { DeliveryWorker, sealItem } from './delivery.worker.js';
import { RecipientResolver } from './recipient-resolver.js';
import { ProviderLanes } from './lanes/provider-lanes.js';

const QUICK: Partial<DeliveryTuning> = {
  pollMs: 5,
  retryBaseMs: 5,
  retryMaxMs: 20,
  pauseScale: 0.0001,
  breakerBaseMs: 30,
  breakerMaxMs: 60,
  drainMs: 200,
  // One phone gets all pushes of a test.
  deviceBurst: 10_000,
};

const retry = (cause: RetryCause): DeliveryResult => ({ outcome: 'retry', cause, reason: 'Reason' });
const never = () => new Promise<DeliveryResult[]>(() => undefined);

describe('DeliveryWorker', () => {
  let folder: string;
  let transport: ScriptedTransport;
  let server: DeliveryParts | null;

  /** Starts a server on the test's database; after a stop, the next one. */
  const start = async (provider = new ScriptedTransport('fcm'), tuning: Partial<DeliveryTuning> = {}) => {
    transport = provider;
    server = await openDeliveryParts(folder, [transport], { ...QUICK, ...tuning });
    await server
      .get(DatabaseWriter)
      .write((manager) => manager.update(QueuedNotification, { leased: true }, { leased: false }));
    return server;
  };
  const run = (parts: DeliveryParts) => parts.get(DeliveryWorker).onApplicationBootstrap();
  const stop = async () => {
    await server?.close();
    server = null;
  };
  const register = (parts: DeliveryParts, token: string, sessionId: string) =>
    parts.get(DatabaseWriter).write((manager) => {
      const device = { token: storedToken(token), sessionId: storedId(sessionId), deviceType: 'android' } as const;
      return parts.get(DevicesService).save(manager, device, false);
    });
  const add = async (parts: DeliveryParts, recipient: string, fields: Partial<NewQueueItem> = {}) => {
    const now = Date.now();
    const times = { acceptedAt: now, expiresAt: now + 60_000, availableAt: now };
    const item = {
      notificationId: uuidv7(),
      lane: 'intake' as const,
      recipient: storedId(recipient),
      content: legacyContent('x'),
      urgency: 'high' as const,
      to: null,
      attempts: 0,
    };
    await parts.get(NotificationQueue).add({ ...item, ...times, ...fields });
  };
  const waiting = (parts: DeliveryParts) => parts.rows(QueuedNotification).count();
  const untilDone = (parts: DeliveryParts) =>
    vi.waitFor(async () => expect(await waiting(parts)).toBe(0), { timeout: 5000, interval: 5 });
  const untilSent = (count: number) =>
    vi.waitFor(() => expect(transport.sent.length).toBeGreaterThanOrEqual(count), { timeout: 5000, interval: 5 });
  const sentTo = () => transport.sent.flatMap(({ targets }) => targets.map(({ token }) => token)).toSorted();
  /** What is on disk after a stop. */
  const left = () => {
    const database = new Database(join(folder, 'test.sqlite'), { readonly: true });
    const rows = database.prepare('SELECT lane, recipient FROM queued_notifications ORDER BY recipient').all();
    database.close();
    return rows as { lane: string; recipient: string }[];
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'spns-worker-'));
    server = null;
  });
  afterEach(async () => {
    await stop();
    rmSync(folder, { recursive: true, force: true });
    transport.expectNothingElse();
  });

  it('delivers what is added and forgets it', async () => {
    const parts = await start();
    transport.always(DELIVERED);
    await register(parts, 't1', '05a');
    run(parts);
    await add(parts, '05a');
    await untilDone(parts);
    expect(sentTo()).toEqual(['t1']);
  });

  it('forgets what goes to nobody', async () => {
    const parts = await start();
    run(parts);
    await add(parts, 'stranger');
    await untilDone(parts);
    expect(transport.sent).toEqual([]);
  });

  it('delivers what waited before it started', async () => {
    const parts = await start();
    transport.always(DELIVERED);
    await register(parts, 't1', '05a');
    await Promise.all(Array.from({ length: 600 }, () => add(parts, '05a')));
    run(parts);
    await untilDone(parts);
    expect(transport.sent).toHaveLength(600);
  });

  it('never works on more notifications than it may', async () => {
    const parts = await start(new ScriptedTransport('fcm', 1, 50), { maxOpenNotifications: 4 });
    let open = 0;
    let most = 0;
    transport.always(async () => {
      most = Math.max(most, ++open);
      await new Promise((resolve) => setTimeout(resolve, 5));
      open--;
      return [DELIVERED];
    });
    await register(parts, 't1', '05a');
    await Promise.all(Array.from({ length: 20 }, () => add(parts, '05a')));
    run(parts);
    await untilDone(parts);
    expect([most, transport.sent.length]).toEqual([4, 20]);
  });

  it('looks nobody up for what has expired', async () => {
    const parts = await start();
    const find = vi.spyOn(parts.get(RecipientResolver), 'find');
    transport.always(DELIVERED);
    await register(parts, 't1', '05a');
    await add(parts, 'expired', { expiresAt: Date.now() - 1 });
    await add(parts, '05a');
    run(parts);
    await untilDone(parts);
    expect(find.mock.calls.flatMap(([recipients]) => recipients)).toEqual(['05a']);
  });

  it('looks nobody else up while it works on as many devices as it may, and then the rest', async () => {
    const parts = await start(new ScriptedTransport('fcm', 1, 50), { lookUpDevices: 2, maxOpenDevices: 4 });
    const find = vi.spyOn(parts.get(RecipientResolver), 'find');
    const gate = Promise.withResolvers<void>();
    transport.always(async () => {
      await gate.promise;
      return [DELIVERED];
    });
    const people = Array.from({ length: 10 }, (_, index) => `05${index}`);
    for (const id of people) await register(parts, `token of ${id}`, id);
    for (const id of people) await add(parts, id);
    run(parts);
    await untilSent(4);
    const lookUps = find.mock.calls.length;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect([transport.sent.length, find.mock.calls.length]).toEqual([4, lookUps]);
    gate.resolve();
    await untilDone(parts);
    expect(sentTo()).toEqual(people.map((id) => `token of ${id}`));
  });

  it('tries again what failed, for the devices that it failed for', async () => {
    const parts = await start(new ScriptedTransport('fcm', 10));
    transport.next([DELIVERED, retry('outcome-unknown')], DELIVERED);
    await register(parts, 't1', '05a');
    await register(parts, 't2', '05a');
    run(parts);
    await add(parts, '05a');
    await untilDone(parts);
    expect(transport.sent).toHaveLength(2);
    expect(transport.sent[1]?.targets).toHaveLength(1);
    expect(transport.sent[1]?.notificationId).toBe(transport.sent[0]?.notificationId);
  });

  it('asks a provider that is down with one push at a time, and delivers everything when it is back', async () => {
    const parts = await start();
    let inFlight = 0;
    let most = 0;
    let down = true;
    transport.always(async () => {
      most = Math.max(most, ++inFlight);
      await new Promise((resolve) => setTimeout(resolve, 5));
      inFlight--;
      return [down ? retry('credential') : DELIVERED];
    });
    await register(parts, 't1', '05a');
    run(parts);
    await add(parts, '05a');
    await untilSent(1);
    await vi.waitFor(() => expect(inFlight).toBe(0), { timeout: 10_000 });
    most = 0;
    await Promise.all(Array.from({ length: 30 }, () => add(parts, '05a')));
    await untilSent(4);
    expect([most, await waiting(parts)]).toEqual([1, 31]);
    down = false;
    await untilDone(parts);
    const delivered = new Set(transport.sent.map(({ notificationId }) => notificationId));
    expect(delivered.size).toBe(31);
  });

  it('drops what is too late while its provider is down', async () => {
    const parts = await start(new ScriptedTransport('fcm'), { breakerBaseMs: 60_000, breakerMaxMs: 60_000 });
    transport.next(retry('credential'));
    await register(parts, 't1', '05a');
    run(parts);
    await add(parts, '05a');
    await untilSent(1);
    await add(parts, '05a', { expiresAt: Date.now() + 300 });
    await vi.waitFor(async () => expect(await waiting(parts)).toBe(1), { timeout: 5000 });
    expect(transport.sent).toHaveLength(1);
  });

  it('tries a notification again when something throws', async () => {
    const parts = await start();
    transport.next(() => Promise.reject(new Error('broken')), DELIVERED);
    await register(parts, 't1', '05a');
    run(parts);
    await add(parts, '05a');
    await untilDone(parts);
    expect(sentTo()).toEqual(['t1', 't1']);
    expect(parts.logger.find('a push is tried again')).toHaveLength(1);
  });

  it('keeps asking for recipients while they cannot be looked up', async () => {
    const parts = await start();
    transport.next(DELIVERED);
    await register(parts, 't1', '05a');
    await parts.sql('ALTER TABLE devices RENAME TO away');
    run(parts);
    await add(parts, '05a');
    await vi.waitFor(() => expect(parts.logger.find('recipients could not be looked up')).not.toEqual([]), {
      timeout: 10_000,
    });
    await parts.sql('ALTER TABLE away RENAME TO devices');
    await untilDone(parts);
    expect(sentTo()).toEqual(['t1']);
  });

  it('neither loses nor doubles anything while the queue cannot be written', async () => {
    const parts = await start();
    await register(parts, 't1', '05a');
    await register(parts, 't2', '05b');
    transport.next(
      async () => {
        await parts.sql('ALTER TABLE queued_notifications RENAME TO away');
        return [DELIVERED];
      },
      retry('outcome-unknown'),
      DELIVERED,
    );
    await add(parts, '05a');
    await add(parts, '05b');
    run(parts);
    await vi.waitFor(() => expect(parts.logger.find('the queue could not be written').length).toBeGreaterThan(1), {
      timeout: 5000,
    });
    await parts.sql('ALTER TABLE away RENAME TO queued_notifications');
    await untilDone(parts);
    expect(sentTo()).toEqual(['t1', 't2', 't2']);
  });

  it('goes on when the queue cannot be read for a while', async () => {
    const parts = await start();
    transport.next(DELIVERED);
    await register(parts, 't1', '05a');
    await parts.sql('ALTER TABLE queued_notifications RENAME TO away');
    run(parts);
    await vi.waitFor(() => expect(parts.logger.find('delivery pauses')).not.toEqual([]), { timeout: 10_000 });
    await parts.sql('ALTER TABLE away RENAME TO queued_notifications');
    await add(parts, '05a');
    await untilDone(parts);
    expect(sentTo()).toEqual(['t1']);
  });

  it('ends the sends under way when it stops, and keeps the others for the next start', async () => {
    const parts = await start(new ScriptedTransport('fcm', 1, 1));
    let end: (results: DeliveryResult[]) => void = () => undefined;
    transport.next(() => new Promise((resolve) => (end = resolve)));
    for (const id of ['05a', '05b', '05c']) await register(parts, `token of ${id}`, id);
    for (const id of ['05a', '05b', '05c']) await add(parts, id);
    run(parts);
    await untilSent(1);
    const stopping = stop();
    await vi.waitFor(() => expect(parts.get(ProviderLanes).get('fcm')?.sender.room()).toBe(0), { timeout: 10_000 });
    end([DELIVERED]);
    await stopping;
    expect(transport.closed).toBe(true);
    expect(left()).toHaveLength(2);

    const first = sentTo();
    const next = await start();
    transport.always(DELIVERED);
    run(next);
    await vi.waitFor(() => expect(left()).toEqual([]), { timeout: 5000 });
    expect([...first, ...sentTo()].toSorted()).toEqual(['token of 05a', 'token of 05b', 'token of 05c']);
  });

  it('stops in time when a provider never answers, and sends again after the next start', async () => {
    const parts = await start();
    transport.next(never);
    await register(parts, 't1', '05a');
    run(parts);
    await add(parts, '05a');
    await untilSent(1);
    const before = performance.now();
    await stop();
    expect(performance.now() - before).toBeLessThan(2000);
    expect(left()).toEqual([{ lane: 'intake', recipient: '05a' }]);

    const next = await start();
    transport.next(DELIVERED);
    run(next);
    await untilDone(next);
    expect(sentTo()).toEqual(['t1']);
  });

  it('keeps what it claimed when it stops while recipients cannot be looked up', async () => {
    const parts = await start();
    await parts.sql('ALTER TABLE devices RENAME TO away');
    run(parts);
    await add(parts, '05a');
    await vi.waitFor(() => expect(parts.logger.find('recipients could not be looked up')).not.toEqual([]), {
      timeout: 10_000,
    });
    await stop();
    expect(left()).toEqual([{ lane: 'intake', recipient: '05a' }]);
  });

  it('loses nothing of what is added while it stops', async () => {
    const parts = await start(new ScriptedTransport('fcm', 1, 2));
    transport.always(async () => {
      await new Promise((resolve) => setTimeout(resolve, 2));
      return [DELIVERED];
    });
    await register(parts, 't1', '05a');
    run(parts);
    const acknowledged: string[] = [];
    const adding = Array.from({ length: 200 }, async (_, index) => {
      await new Promise((resolve) => setTimeout(resolve, index / 4));
      const notificationId = uuidv7();
      await add(parts, '05a', { notificationId });
      acknowledged.push(notificationId);
    });
    const settled = Promise.allSettled(adding);
    await new Promise((resolve) => setTimeout(resolve, 25));
    await stop();
    await settled;
    const sent = new Set(transport.sent.map(({ notificationId }) => notificationId));
    const database = new Database(join(folder, 'test.sqlite'), { readonly: true });
    const rows = database.prepare('SELECT notification_id AS id FROM queued_notifications').all() as { id: string }[];
    database.close();
    const kept = new Set(rows.map(({ id }) => id));
    expect(acknowledged.length).toBeGreaterThan(20);
    expect(acknowledged.filter((id) => !sent.has(id) && !kept.has(id))).toEqual([]);
    expect(acknowledged.filter((id) => sent.has(id) && kept.has(id))).toEqual([]);
  });

  it('tells which of its loops do not come round any more', async () => {
    const parts = await start();
    run(parts);
    await vi.waitFor(() => expect(parts.get(DeliveryWorker).stuckLoops()).toEqual([]), { timeout: 10_000 });
    const clock = performance.now();
    vi.spyOn(performance, 'now').mockReturnValue(clock + 3_600_000);
    const stuck = parts.get(DeliveryWorker).stuckLoops();
    vi.restoreAllMocks();
    expect(stuck).toEqual(['intake', 'large', 'aside', 'fcm']);
  });
});

describe('sealItem', () => {
  const dataKey = randomBytes(32);
  const sealing = new KeyedSealing(dataKey);
  const targets = [{ token: storedToken('token'), registeredAt: 1, apnsEnvironment: null }];
  const item: QueueItem = {
    id: 'a',
    notificationId: 'a',
    lane: 'fcm',
    recipient: storedId('05a'),
    content: legacyContent('x'),
    urgency: 'high',
    to: { provider: 'fcm', targets },
    acceptedAt: 1,
    expiresAt: 2,
    availableAt: 1,
    attempts: 3,
  };

  it('an item of before is sealed, its devices included', () => {
    const to = { provider: 'fcm', targets: [{ ...targets[0], token: sealing.token('token') }] };
    const sealed = { ...item, recipient: sealing.id('05a'), to };
    expect(sealItem(sealing, item)).toEqual(sealed);
    expect(sealItem(sealing, { ...item, to: null })).toEqual({ ...sealed, to: null });
  });

  it('an item that an earlier data key sealed is carried over, and its pages begin again', () => {
    const later = new KeyedSealing(dataKey, randomBytes(32));
    const former = { ...sealItem(sealing, item), cursor: sealing.id('05b') };
    expect(sealItem(later, former)).toEqual({ ...sealItem(later, item), cursor: '' });
  });

  it('a sealed item stays the same object', () => {
    const sealed = sealItem(sealing, item);
    expect(sealItem(sealing, sealed)).toBe(sealed);
  });
});
