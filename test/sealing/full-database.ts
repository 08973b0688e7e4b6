import { vi } from 'vitest';
import { SuspectTokensService } from '../../src/devices/suspect-tokens.service.js';
import { Sealing } from '../../src/sealing/sealing.js';
import { arrival, newPhone, type Phone, push } from '../faults/phones.js';
import { type TestGateways } from '../support/gateways.js';
import { newData, newId } from '../support/people.js';
import { query } from '../support/query.js';
import { type TestServer } from '../support/test-server.js';

/** What was put into a database. */
export interface FullDatabase {
  /** At Apple, with a suspicion. */
  readonly phone: Phone;
  /** The contents of pushes that wait: for a phone whose provider is away, and for `phone`, which nobody looked up yet. */
  readonly waiting: { readonly phone: Phone; readonly data: string };
  readonly notLookedAt: string;
  /** Of a legacy closed group with one member. */
  readonly group: string;
  readonly groupPhone: Phone;
  readonly ids: readonly string[];
  readonly tokens: readonly string[];
}

/**
 * Puts everything that has ids or tokens in it into the server's database, pushes that wait included, and stops the server.
 * FCM does not listen after that.
 */
export async function fillDatabase(server: TestServer, gateways: TestGateways): Promise<FullDatabase> {
  const phone = await newPhone(server, 'apns');
  const groupPhone = await newPhone(server, 'huawei');
  const group = newId();
  await server.send('subscribe_closed_group', { closedGroupPublicKey: group, pubKey: groupPhone.id });
  await gateways.fcm.stopListening();
  const waitingPhone = await newPhone(server, 'fcm');
  const waiting = { phone: waitingPhone, data: await push(server, waitingPhone) };
  await vi.waitUntil(async () => (await server.queued())[0]?.lane === 'fcm', { timeout: 5000 });
  const sealing = server.app.get(Sealing);
  const suspicion = { token: sealing.token(phone.token), provider: 'apns', reason: 'Gone', registeredAt: 1 };
  await server.app.get(SuspectTokensService).remember([suspicion], 2);
  await server.app.close();
  const notLookedAt = newData();
  await query(
    server.database,
    `INSERT INTO queued_notifications (id, notification_id, lane, leased, available_at, accepted_at, expires_at, attempts,
                                       recipient, data, targets)
       SELECT 'not-looked-at', notification_id, 'intake', 0, available_at, accepted_at, expires_at, 0,
              '${sealing.id(phone.id)}', '${notLookedAt}', NULL FROM queued_notifications`,
  );
  const phones = [phone, groupPhone, waitingPhone];
  const ids = [...phones.map(({ id }) => id), group];
  return { phone, waiting, notLookedAt, group, groupPhone, ids, tokens: phones.map(({ token }) => token) };
}

/** Everything in it still does what it is there for; FCM has begun to listen again. */
export async function expectAllAtWork(server: TestServer, gateways: TestGateways, full: FullDatabase): Promise<void> {
  const { phone, waiting, notLookedAt, group, groupPhone } = full;
  await gateways.fcm.listenAgain();
  await arrival(gateways, waiting.phone, waiting.data, 10_000);
  await arrival(gateways, phone, notLookedAt);
  const data = newData();
  await server.notify(group, data);
  await arrival(gateways, groupPhone, data);
  await arrival(gateways, phone, await push(server, phone));
  await server.idle();
}
