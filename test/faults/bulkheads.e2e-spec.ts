import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { DeliveryStatus } from '../../src/delivery/status/delivery-status.js';
import { newData } from '../support/people.js';
import { useServer } from '../support/test-server.js';
import { addPhone, arrival, contentsFor, newPhone, newPhones, type Provider, PROVIDERS, push } from './phones.js';
import { sqlite } from './sqlite.js';

describe('a provider that fails', () => {
  const suite = useServer(sqlite());
  const status = (provider: Provider) =>
    suite.server.app
      .get(DeliveryStatus)
      .providers()
      .find((one) => one.provider === provider);

  it.each(PROVIDERS)(
    'when it is %s, is asked by one probe at a time while everybody’s pushes wait',
    async (provider) => {
      const phones = await newPhones(suite.server, provider, 20);
      const { faults } = suite.gateways[provider];
      faults.all({ kind: 'answer', answer: { status: 500 } });
      await Promise.all(phones.map((phone) => push(suite.server, phone)));
      await vi.waitUntil(() => status(provider)?.breaker !== 'closed', { timeout: 5000 });
      // The probes take long enough to meet each other, were there two.
      faults.all({ kind: 'answer', answer: { status: 500 }, delayMs: 100 });
      // What was under way when the breaker opened has ended.
      await vi.waitUntil(() => status(provider)?.requestsInFlight === 0, { timeout: 5000 });
      const before = suite.gateways[provider].counts.requests;
      let most = 0;
      for (const end = Date.now() + 1000; Date.now() < end; await sleep(5)) {
        most = Math.max(most, suite.gateways[provider].counts.inFlight);
      }
      expect(most).toBe(1);
      expect(suite.gateways[provider].counts.requests - before).toBeLessThanOrEqual(10);
      faults.clear();
      await suite.server.idle();
      for (const phone of phones) expect(contentsFor(suite.gateways, phone)).toHaveLength(1);
      expect(status(provider)?.breaker).toBe('closed');
    },
  );

  it('costs the other devices of the same notification nothing', async () => {
    const iphone = await newPhone(suite.server, 'apns');
    const android = await addPhone(suite.server, iphone, 'fcm');
    const huawei = await addPhone(suite.server, iphone, 'huawei');
    await suite.gateways.huawei.stopListening();
    suite.gateways.fcm.faults.all({ kind: 'stall' });
    const data = await push(suite.server, iphone);
    await arrival(suite.gateways, iphone, data, 2000);
    expect([contentsFor(suite.gateways, android), contentsFor(suite.gateways, huawei)]).toEqual([[], []]);
    suite.gateways.fcm.faults.clear();
    suite.gateways.fcm.destroyConnections();
    await suite.gateways.huawei.listenAgain();
    await arrival(suite.gateways, android, data);
    await arrival(suite.gateways, huawei, data);
    await suite.server.idle();
  });
});

describe('a flood while a provider stalls', () => {
  const BACKLOG = 50;
  const FLOOD = 3000;
  const suite = useServer(sqlite(), { tuning: { maxProviderBacklog: BACKLOG } });

  it('waits in the database and not in memory, and the other providers go on', async () => {
    const stalled = await newPhones(suite.server, 'apns', 100);
    const others = await newPhones(suite.server, 'fcm', 100);
    suite.gateways.apns.faults.all({ kind: 'stall' });
    for (let sent = 0; sent < FLOOD; sent += 200) {
      await Promise.all(
        Array.from({ length: 200 }, (_, index) =>
          suite.server.notify(stalled[(sent + index) % stalled.length]?.id ?? '', newData(100)),
        ),
      );
    }
    const sent = await Promise.all(others.map((phone) => push(suite.server, phone)));
    for (const [index, phone] of others.entries()) await arrival(suite.gateways, phone, sent[index] ?? '');
    const [apns] = suite.server.app.get(DeliveryStatus).providers();
    expect(apns?.requestsInFlight).toBeLessThanOrEqual(500);
    expect(apns?.requestsWaiting).toBeLessThanOrEqual(BACKLOG);
    const [{ waiting }] = await suite.server.dataSource.query<[{ waiting: number }]>(
      `SELECT COUNT(*) AS waiting FROM queued_notifications WHERE lane = 'apns' AND leased = 0`,
    );
    expect(waiting).toBeGreaterThanOrEqual(FLOOD - 500 - BACKLOG - 1);
    suite.gateways.apns.faults.clear();
    suite.gateways.apns.destroyConnections();
    await suite.server.idle(30_000);
    expect(suite.gateways.apns.counts.accepted).toBe(FLOOD);
  });
});
