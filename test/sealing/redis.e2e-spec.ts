import { DatabaseId } from '../../src/database/database-id.js';
import { legacyContent } from '../../src/providers/push-content.js';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { type NewQueueItem, NotificationQueue } from '../../src/delivery/queue/notification-queue.js';
import { Sealing, type StoredId } from '../../src/sealing/sealing.js';
import { arrival, contentsFor, newPhone, type Phone, push } from '../faults/phones.js';
import { rotateDataKey } from '../support/data-keys.js';
import { startGateways, type TestGateways } from '../support/gateways.js';
import { newData } from '../support/people.js';
import { openBullmq } from '../support/queue-engines.js';
import { redisContent } from '../support/raw-storage.js';
import { createRedisDatabase } from '../support/redis-databases.js';
import { TestServer } from '../support/test-server.js';

describe.skipIf(inject('redisUrl') === null)('a queue on Redis', () => {
  let folder: string;
  let redis: string;
  let gateways: TestGateways;
  let server: TestServer;
  let phone: Phone;
  const withKey = () => ({ DATA_KEY_FILE: join(folder, 'data.key') });

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'spns-sealed-redis-'));
    redis = await createRedisDatabase();
    gateways = await startGateways();
  });
  afterEach(async () => {
    await server.close();
    await gateways.close();
    rmSync(folder, { recursive: true });
  });

  /** Puts a push into the lane of a provider that is away. */
  async function startWithWaitingPush(env: Record<string, string>): Promise<string> {
    const database = `sqlite:${join(folder, 'test.sqlite')}`;
    server = await TestServer.start({ database, gateways, env: { REDIS_URL: redis, ...env } });
    phone = await newPhone(server, 'fcm');
    await gateways.fcm.stopListening();
    const data = await push(server, phone);
    const queue = server.app.get(NotificationQueue);
    await vi.waitUntil(async () => (await queue.depth()).some(({ lane }) => lane === 'fcm'), { timeout: 5000 });
    return data;
  }

  it('holds neither ids nor tokens', async () => {
    const data = await startWithWaitingPush(withKey());
    const content = await redisContent(redis);
    expect([content.includes(data), content.includes(phone.id), content.includes(phone.token)]).toEqual([
      true,
      false,
      false,
    ]);
    await gateways.fcm.listenAgain();
    await arrival(gateways, phone, data, 10_000);
  });

  describe.each([
    ['the server had a key', () => ({}), () => undefined],
    ['its key was changed', withKey, () => rotateDataKey(withKey().DATA_KEY_FILE)],
  ])('of before %s', (_when, formerly, changeKey) => {
    it('delivers what waited, once', async () => {
      const data = await startWithWaitingPush(formerly());
      const sealing = server.app.get(Sealing);
      const [recipient, token] = [sealing.id(phone.id), sealing.token(phone.token)];
      const database = server.app.get(DatabaseId);
      await server.app.close();
      // Under a server that tries again and again, the item may be on its way from one key to another.
      const content = await redisContent(redis);
      expect([content.includes(recipient), content.includes(token)]).toEqual([true, true]);
      const other = await openBullmq(redis, undefined, database);
      const notLookedAt = newData();
      await other.queue.add(newItem(recipient, notLookedAt));
      await other.stop();
      changeKey();
      await server.open(withKey());
      await gateways.fcm.listenAgain();
      await arrival(gateways, phone, data, 10_000);
      await arrival(gateways, phone, notLookedAt);
      await server.idle();
      expect(contentsFor(gateways, phone)).toHaveLength(2);
    });

    it('removes the token of a phone that is gone', async () => {
      await startWithWaitingPush(formerly());
      gateways.fcm.mark(phone.token, 'dead');
      await server.app.close();
      changeKey();
      await server.open(withKey());
      await gateways.fcm.listenAgain();
      await vi.waitFor(async () => expect(await server.device(phone.token)).toBeNull(), { timeout: 10_000 });
    });
  });
});

/** As the server of before adds it. */
function newItem(recipient: StoredId, data: string): NewQueueItem {
  const now = Date.now();
  const times = { acceptedAt: now, availableAt: now, expiresAt: now + 3_600_000 };
  return {
    notificationId: uuidv7(),
    lane: 'intake',
    recipient,
    content: legacyContent(data),
    urgency: 'high',
    to: null,
    attempts: 0,
    ...times,
  };
}
