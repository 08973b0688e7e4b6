import { expect, it } from 'vitest';
import { apnsError } from '../gateways/apns.answers.js';
import { describeEachDatabase } from './support/databases.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { newAndroidToken, newData, newHuaweiToken, newId, newIosToken } from './support/people.js';
import { query } from './support/query.js';
import { inFolder, spawnServer } from './support/spawned-server.js';
import { useServer } from './support/test-server.js';

describeEachDatabase('what was accepted before a stop', (databases) => {
  const suite = useServer(databases);

  it('arrives after the next start', async () => {
    const id = newId();
    const tokens = [newIosToken(), newAndroidToken(), newHuaweiToken()];
    for (const token of tokens) await suite.server.register(id, token, token.startsWith('IQ') ? 'huawei' : undefined);
    const contents = Array.from({ length: 20 }, () => newData());
    const { legacy } = suite.gateways;
    await Promise.all(legacy.map((gateway) => gateway.stopListening()));
    for (const data of contents) await suite.server.notify(id, data);
    await suite.server.app.close();
    await Promise.all(legacy.map((gateway) => gateway.listenAgain()));
    await suite.server.open();
    await suite.server.idle();
    for (const { received } of legacy) {
      expect(received).toHaveLength(contents.length);
      for (const data of contents) expect(received.some(({ rawBody }) => rawBody.includes(data))).toBe(true);
    }
  });

  it('is not repeated when it had arrived', async () => {
    const [id, token] = [newId(), newIosToken()];
    await suite.server.register(id, token);
    for (let time = 0; time < 10; time++) await suite.server.notify(id, newData());
    await suite.server.idle();
    await suite.server.restart();
    await suite.server.notify(id, newData());
    await suite.server.idle();
    expect(suite.gateways.apns.received).toHaveLength(11);
  });

  it('is sent to its end when it is under way', async () => {
    const [id, token] = [newId(), newIosToken()];
    await suite.server.register(id, token);
    suite.gateways.apns.latencyMs = 500;
    await suite.server.notify(id, newData());
    await suite.gateways.apns.waitForPush(1);
    await suite.server.restart();
    expect(await suite.server.queued()).toEqual([]);
    expect(suite.gateways.apns.counts.outcomes).toEqual({ 200: 1 });
  });

  it('keeps its attempts and its devices that are left', async () => {
    const id = newId();
    const tokens = [newIosToken(), newIosToken()] as const;
    for (const token of tokens) await suite.server.register(id, token);
    const { apns } = suite.gateways;
    const data = newData();
    apns.faults.forToken(
      tokens[0],
      { kind: 'answer', answer: apnsError('TooManyRequests', { retryAfterSeconds: 1 }) },
      1,
    );
    await suite.server.notify(id, data);
    await apns.waitForPush(1);
    await suite.server.restart();
    await suite.server.idle();
    expect(apns.received.map(({ token }) => token)).toEqual([tokens[1], tokens[0]]);
  });
});

describeEachDatabase('what was accepted before a kill -9', (databases) => {
  it('arrives after the next start', async () => {
    await withGateways(async (gateways) => {
      await inFolder(async (folder) => {
        const database = await databases.create();
        const env = { ...gateways.environment, DATABASE_URL: database };
        const first = await spawnServer(env, folder);
        const id = newId();
        for (const token of [newIosToken(), newAndroidToken()])
          await first.onion.send('register', { pubKey: id, token });
        // Some answers are on their way, some requests are waiting: nothing of it may matter.
        gateways.apns.latencyMs = 300;
        const contents = Array.from({ length: 100 }, () => newData());
        await Promise.all(contents.map((data) => first.onion.send('notify', { send_to: id, data })));
        const killed = await first.process.stop('SIGKILL');
        expect(killed.signal).toBe('SIGKILL');
        gateways.apns.latencyMs = 0;

        const second = await spawnServer(env, folder);
        expect(second.start.publicKey).toBe(first.start.publicKey);
        const left = async () => (await query(database, 'SELECT id FROM queued_notifications')).length;
        await expect.poll(left, { timeout: 15_000 }).toBe(0);
        for (const gateway of [gateways.apns, gateways.fcm]) {
          const bodies = gateway.received.map(({ rawBody }) => rawBody.toString());
          expect(contents.filter((data) => !bodies.some((body) => body.includes(data)))).toEqual([]);
        }
        await second.process.stop();
      });
    });
  });

  it('is there in full: each registration that was answered is on disk', async () => {
    await withGateways(async (gateways) => {
      await inFolder(async (folder) => {
        const database = await databases.create();
        const { process, onion } = await spawnServer({ ...gateways.environment, DATABASE_URL: database }, folder);
        const answered: string[] = [];
        const sending = Array.from({ length: 200 }, async () => {
          const token = newAndroidToken();
          const reply = await onion.send('register', { pubKey: newId(), token }).catch(() => null);
          if (reply?.body['code'] === 1) answered.push(token);
          if (answered.length === 50) process.child.kill('SIGKILL');
        });
        await Promise.all([...sending, process.exit]);
        const rows = await query(database, 'SELECT token FROM devices');
        const stored = new Set(rows.map(({ token }) => token));
        expect(answered.length).toBeGreaterThanOrEqual(50);
        expect(answered.filter((token) => !stored.has(token))).toEqual([]);
      });
    });
  });
});

async function withGateways(use: (gateways: TestGateways) => Promise<void>): Promise<void> {
  const gateways = await startGateways();
  try {
    await use(gateways);
  } finally {
    await gateways.close();
  }
}
