import { describe, expect, it, vi } from 'vitest';
import { OutcomeCounter } from '../../src/delivery/outcomes/outcome-counter.js';
import { newData, newId } from '../support/people.js';
import { useServer } from '../support/test-server.js';
import { addPhone, arrival, contentsFor, newPhone, push } from './phones.js';
import { sqlite } from './sqlite.js';

describe('the bound per recipient and minute', () => {
  const suite = useServer(sqlite(), { tuning: { maxPerRecipientAndMinute: 5, maxPushesPerRecipientAndMinute: 30 } });

  const waiting = async () => (await suite.server.queued()).filter(({ leased }) => !leased);
  /** The wake-up is due at the end of the minute; nobody waits for that here. */
  const endTheMinute = () => suite.server.dataSource.query(`UPDATE queued_notifications SET available_at = 0`);

  it('lets so many through, collapses the rest into one without content, and starves nobody', async () => {
    suite.server.log.lines.length = 0;
    const flooded = await newPhone(suite.server, 'apns');
    const other = await newPhone(suite.server, 'apns');
    const sent: string[] = [];
    for (let index = 0; index < 20; index++) sent.push(await push(suite.server, flooded));
    const data = await push(suite.server, other);
    await arrival(suite.gateways, other, data);
    await vi.waitUntil(async () => (await waiting()).length === 1, { timeout: 10_000 });
    const [wakeup] = await waiting();
    expect(wakeup).toMatchObject({ lane: 'intake', data: null });
    expect((wakeup?.availableAt ?? 0) - (wakeup?.acceptedAt ?? 0)).toBeLessThanOrEqual(60_000);
    await endTheMinute();
    await suite.server.idle();
    expect(contentsFor(suite.gateways, flooded)).toEqual([...sent.slice(0, 5), null]);
    suite.server.app.get(OutcomeCounter).report();
    expect(suite.server.log.find(`kind: 'folded', provider: 'all', reason: 'recipient-limit', count: 14`)).toHaveLength(
      1,
    );
  });

  it('counts the devices: somebody with many is bounded sooner', async () => {
    const phone = await newPhone(suite.server, 'fcm');
    for (let more = 1; more < 20; more++) await addPhone(suite.server, phone, 'fcm');
    for (let index = 0; index < 4; index++) await push(suite.server, phone);
    await vi.waitUntil(async () => (await waiting()).length === 1, { timeout: 10_000 });
    await endTheMinute();
    await suite.server.idle();
    expect(contentsFor(suite.gateways, phone).map((content) => content === null)).toEqual([false, true]);
  });
});

describe('a recipient with more devices than there is room for', () => {
  const suite = useServer(sqlite(), { tuning: { maxProviderBacklog: 10 } });

  it('does not keep others waiting for its last device', async () => {
    const crowd = await newPhone(suite.server, 'fcm');
    for (let more = 1; more < 100; more++) await addPhone(suite.server, crowd, 'fcm');
    const other = await newPhone(suite.server, 'fcm');
    suite.gateways.fcm.latencyMs = 50;
    suite.gateways.fcm.setMaxConcurrentStreams(10);
    for (let index = 0; index < 10; index++) await push(suite.server, crowd);
    await arrival(suite.gateways, other, await push(suite.server, other), 10_000);
    expect(suite.gateways.fcm.counts.accepted).toBeLessThan(500);
    suite.gateways.fcm.latencyMs = 0;
    suite.gateways.fcm.setMaxConcurrentStreams(1000);
    await suite.server.idle(30_000);
    expect(suite.gateways.fcm.counts.accepted).toBe(1001);
  });
});

describe('a disk that refuses', () => {
  const suite = useServer(sqlite());

  it('makes the answer an error and not Success; what was acknowledged before and after arrives', async () => {
    const { server } = suite;
    const phone = await newPhone(server, 'apns');
    const before = await push(server, phone);
    await server.idle();
    const [{ page_count: pages }] = await server.dataSource.query<[{ page_count: number }]>('PRAGMA page_count');
    await server.dataSource.query(`PRAGMA max_page_count = ${pages}`);
    // At one time: one after the other they would share the pages that the one before has left.
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => server.send('notify', { send_to: newId(), data: newData(3000) })),
    );
    expect(answers.map(({ body }) => body['code'])).toContain(0);
    await server.dataSource.query('PRAGMA max_page_count = 1073741823');
    const after = await push(server, phone);
    await server.idle();
    expect(contentsFor(suite.gateways, phone)).toEqual([before, after]);
  });
});
