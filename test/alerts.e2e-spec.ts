import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { makeAuthority } from '../gateways/certificates.js';
import { startWebPushGateway } from '../gateways/webpush.gateway.js';
import { DailyFiguresScheduler } from '../src/alerts/daily-figures.scheduler.js';
import { DeliveryScheduler } from '../src/delivery/outcomes/delivery.scheduler.js';
import { DeliveryStatus } from '../src/delivery/status/delivery-status.js';
import { QueueWatch } from '../src/delivery/status/queue-watch.js';
import { ServersWatch } from '../src/delivery/status/servers-watch.js';
import { OperatorEvents } from '../src/operator/operator-events.js';
import { StatisticsPeriod } from '../src/statistics/statistics-period.entity.js';
import { AlertHook } from './support/alert-hook.js';
import { describeOneDatabase } from './support/databases.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { newData, newId, newIosToken } from './support/people.js';
import { queueWebPush } from './support/queued-web-push.js';
import { TestServer, type TestServerOptions } from './support/test-server.js';

const LONG = { timeout: 20_000, interval: 20 };
const DAY_MS = 24 * 3_600_000;
const OTHERS = { closedGroupMessages: 0, untrackedMessages: 0, oneToOneMessages: 0 };

describeOneDatabase('alerts', (databases) => {
  let hook: AlertHook;
  let gateways: TestGateways;
  let server: TestServer;
  let secrets: string[];
  beforeEach(async () => {
    hook = await AlertHook.start();
    gateways = await startGateways();
    secrets = [];
  });
  afterEach(async () => {
    await server.close();
    await gateways.close();
    await hook.close();
    if (secrets.some((secret) => hook.requests.some(({ text }) => text.includes(secret)))) {
      throw new Error('An alert holds an id, a token or content.');
    }
    if (server.log.find(new URL(hook.url).pathname).length > 0)
      throw new Error('The log holds the address of the hook.');
  });

  async function start(
    env: Record<string, string> = {},
    tuning: TestServerOptions['tuning'] = {},
    transports: TestServerOptions['transports'] = {},
  ): Promise<void> {
    const alerts = { ALERT_WEBHOOK_URL: hook.url, ALERT_QUEUE_MINUTES: '0.001' };
    server = await TestServer.start({
      database: await databases.create(),
      gateways,
      tuning,
      transports,
      env: { ...alerts, ...env },
    });
  }

  async function newPhone(): Promise<{ id: string; token: string }> {
    const phone = { id: newId(), token: newIosToken() };
    secrets.push(phone.id, phone.token);
    await server.register(phone.id, phone.token);
    return phone;
  }

  async function notify(id: string, times = 1): Promise<void> {
    for (let count = 0; count < times; count++) {
      const data = newData();
      secrets.push(data);
      await server.notify(id, data);
    }
  }

  it('tell when a provider turns unhealthy, and when it recovers', async () => {
    await start();
    const { id } = await newPhone();
    await gateways.apns.stopListening();
    await notify(id, 8);
    await hook.waitFor(1);
    expect(hook.messages[0]).toEqual({
      text: expect.stringMatching(
        /^Session push server on \S+: apns is unhealthy \(provider-down, \w+\); its pushes wait\.$/,
      ),
      kind: 'provider-unhealthy',
      severity: 'warning',
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      details: { provider: 'apns', cause: 'provider-down', reason: expect.any(String), advice: null },
    });
    await gateways.apns.listenAgain();
    await server.idle(20_000);
    await hook.waitFor(2);
    expect(hook.messages[1]).toMatchObject({
      kind: 'provider-working',
      severity: 'info',
      details: { provider: 'apns' },
    });
    expect(gateways.apns.received).toHaveLength(8);
    // What was to follow would be here by now.
    await sleep(1000);
    expect(hook.kinds).toEqual(['provider-unhealthy', 'provider-working']);
  });

  it('say what to do about a setting that is wrong', async () => {
    await start({ APNS_TOPIC: 'org.example.another' });
    const { id } = await newPhone();
    await notify(id);
    await hook.waitFor(1);
    expect(hook.messages[0]?.['text']).toContain('What to do: check APNS_TOPIC');
    await server.dataSource.query('DELETE FROM queued_notifications');
  });

  it('tell when most Web Push servers fail and when they work again, and nothing of a single one', async () => {
    const webpush = { requestTimeoutMs: 5000, pauseMs: 100, longestPauseMs: 200 };
    await start({ WEBPUSH_ALLOWED_HOSTS: 'localhost' }, { serversFailAfterMs: 0, serversWorkAfterMs: 0 }, { webpush });
    const { credentials } = gateways;
    const others = await Promise.all(Array.from({ length: 5 }, () => startWebPushGateway({ credentials })));
    const phones = [gateways.webpush, ...others].map((gateway) => {
      const subscription = gateway.subscribe(credentials.vapidKey.applicationServerKey);
      secrets.push(...Object.values(subscription), new URL(gateway.url).host);
      return { gateway, subscription };
    });
    const report = () =>
      server.app
        .get(DeliveryStatus)
        .providers()
        .find(({ provider }) => provider === 'webpush')?.servers;
    /** Each failing server needs several failures in a row to be left alone. */
    const fail = async (count: number) => {
      for (const { gateway } of phones.slice(0, count)) await gateway.stopListening();
      for (const { subscription } of phones.slice(0, count))
        for (let sent = 0; sent < 3; sent++) await queueWebPush(server, subscription);
      await vi.waitUntil(() => report()?.provenFailing === count, LONG);
      await server.app.get(ServersWatch).look();
    };
    try {
      for (const { subscription } of phones) await queueWebPush(server, subscription);
      await vi.waitUntil(() => report()?.proven === phones.length, LONG);
      await fail(1);
      await fail(4);
      await hook.waitFor(1, LONG.timeout);
      for (const { gateway } of phones) await gateway.listenAgain();
      await vi.waitUntil(() => report()?.failing === 0, LONG);
      await server.app.get(ServersWatch).look();
      await hook.waitFor(2, LONG.timeout);
      expect(hook.messages).toMatchObject([
        { kind: 'servers-fail', severity: 'warning', details: { provider: 'webpush', failing: 4, of: 6 } },
        { kind: 'servers-work', severity: 'info', details: { provider: 'webpush' } },
      ]);
      await server.idle(20_000);
      const said = JSON.stringify([server.log.lines, hook.messages]);
      for (const secret of secrets) expect(said).not.toContain(secret);
    } finally {
      await Promise.all(others.map((gateway) => gateway.close()));
    }
  });

  it('tell when too many tokens are called dead', async () => {
    await start({}, { brakeFloor: 2, removalHoldMs: 0 });
    const phones = [await newPhone(), await newPhone(), await newPhone(), await newPhone()];
    // Only what was accepted before counts: anybody can make a token up.
    for (const { id } of phones) await notify(id);
    await server.idle();
    for (const { id, token } of phones) {
      gateways.apns.mark(token, 'dead', { since: Date.now() + 1000 });
      await notify(id);
    }
    await vi.waitUntil(
      async () => {
        await server.app.get(DeliveryScheduler).decideAboutDeadTokens();
        return hook.kinds.includes('brake-engaged');
      },
      { timeout: 10_000, interval: 50 },
    );
    expect(hook.messages.find(({ kind }) => kind === 'brake-engaged')).toMatchObject({ details: { provider: 'apns' } });
  });

  it('tell when notifications wait for too long, and when they do no more', async () => {
    await start();
    const watch = server.app.get(QueueWatch);
    const { id } = await newPhone();
    gateways.apns.latencyMs = 1500;
    await notify(id);
    await vi.waitUntil(
      async () => {
        await watch.look();
        return hook.requests.length > 0;
      },
      { timeout: 10_000, interval: 50 },
    );
    expect(hook.messages[0]).toMatchObject({ kind: 'queue-late', details: { count: 1 } });
    await server.idle();
    await vi.waitUntil(
      async () => {
        await watch.look();
        return hook.requests.length > 1;
      },
      { timeout: 10_000, interval: 50 },
    );
    expect(hook.kinds).toEqual(['queue-late', 'queue-caught-up']);
  });

  it('tell at the start when the certificate expires soon', async () => {
    const authority = await makeAuthority();
    const { cert, key } = await authority.issueApnsClient({ notAfter: new Date(Date.now() + 4.5 * DAY_MS) });
    const file = join(dirname(gateways.files.caFile), 'soon.pem');
    writeFileSync(file, `${cert}\n${key}`);
    await start({ APNS_TOKEN_KEY_FILE: '', APNS_TOKEN_KEY_ID: '', APNS_TOKEN_TEAM_ID: '', APNS_CERT_FILE: file });
    await hook.waitFor(1);
    expect(hook.messages[0]).toMatchObject({ kind: 'certificate-expires', details: { provider: 'apns', daysLeft: 4 } });
    expect(hook.messages[0]?.['text']).toContain('expires in 4 days');
  });

  it('tell about a backup that failed', async () => {
    await start();
    server.app.get(OperatorEvents).emit({ kind: 'backup-failed', reason: 'ENOSPC' });
    await hook.waitFor(1);
    expect(hook.messages[0]?.['text']).toContain('The backup failed (ENOSPC).');
  });

  it('tell the figures of the day before', async () => {
    await start();
    await newPhone();
    const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
    const counts = { totalMessages: 1, iosPushes: 2, androidPushes: 3, ...OTHERS };
    const half = DAY_MS / 2;
    for (const startDate of [-3 * half, -2 * half, -half, 0].map((offset) => today + offset)) {
      await server.dataSource
        .getRepository(StatisticsPeriod)
        .insert({ startDate, endDate: startDate + half, ...counts });
    }
    await server.app.get(DailyFiguresScheduler).tellDayBefore(today + 6 * 60_000);
    await hook.waitFor(1);
    const day = new Date(today - DAY_MS).toISOString().slice(0, 10);
    expect(hook.messages[0]).toMatchObject({
      kind: 'daily-figures',
      text: expect.stringContaining(`${day}: 2 messages, 4 pushes to iOS, 6 to Android and Huawei. Devices: 1 ios`),
      details: { messages: 2, iosPushes: 4, androidPushes: 6, from: today - DAY_MS, to: today },
    });
  });

  it('are tried again, and delivery does not wait for them', async () => {
    await start();
    hook.answers.push(503, 'stall');
    const { id } = await newPhone();
    await gateways.apns.stopListening();
    await notify(id, 8);
    await hook.waitFor(2);
    await gateways.apns.listenAgain();
    await server.idle();
    expect(gateways.apns.received).toHaveLength(8);
    expect(hook.kinds).toEqual(['provider-unhealthy', 'provider-unhealthy']);
  });

  it('are limited when things come and go', async () => {
    await start();
    const events = server.app.get(OperatorEvents);
    for (let times = 0; times < 20; times++) {
      events.emit({ kind: 'brake-engaged', provider: 'fcm' });
      events.emit({ kind: 'brake-lifted', provider: 'fcm' });
    }
    events.emit({ kind: 'backup-failed', reason: 'ENOSPC' });
    await hook.waitFor(4);
    expect(hook.kinds).toEqual(['brake-engaged', 'brake-lifted', 'brake-engaged', 'backup-failed']);
  });

  it('do not hold up a stop', async () => {
    await start();
    hook.answers.push('stall');
    server.app.get(OperatorEvents).emit({ kind: 'queue-caught-up' });
    await hook.waitFor(1);
    const began = Date.now();
    await server.app.close();
    expect(Date.now() - began).toBeLessThan(5000);
    await server.open();
  });

  describe('without a hook', () => {
    it('are not there', async () => {
      await start({ ALERT_WEBHOOK_URL: '' });
      server.app.get(OperatorEvents).emit({ kind: 'backup-failed', reason: 'ENOSPC' });
      await server.app.get(DailyFiguresScheduler).tellYesterday();
      expect(hook.requests).toEqual([]);
    });
  });
});
