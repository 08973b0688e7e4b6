import { afterEach, describe, expect, it, vi } from 'vitest';
import { type HealthReport } from '../src/health/health.service.js';
import { describeOneDatabase } from './support/databases.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { OPERATOR_AUTH } from './support/metrics.js';
import { newData, newId, newIosToken } from './support/people.js';
import { query } from './support/query.js';
import { basicAuth } from './support/statistics.js';
import { openDataSource } from './support/test-data-source.js';
import { TestServer, useServer } from './support/test-server.js';

/** How another connection keeps everybody from writing, and lets them again. */
const WRITE_LOCK = {
  sqlite: ['BEGIN IMMEDIATE', 'ROLLBACK'],
  mysql: ['LOCK TABLES queued_notifications WRITE', 'UNLOCK TABLES'],
} as const;

const EVENTUALLY = { timeout: 10_000, interval: 100 };

async function ask(server: TestServer, path: string, authorization?: string) {
  const response = await fetch(`${server.url}/health/${path}`, {
    headers: authorization === undefined ? {} : { authorization },
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, report: JSON.parse(text) as HealthReport };
}

const readyOf = async (server: TestServer) => (await ask(server, 'ready', OPERATOR_AUTH)).report;

describeOneDatabase('health', (databases) => {
  const suite = useServer(databases);

  describe('for strangers', () => {
    it.each(['live', 'ready'])('%s is terse', async (path) => {
      const { status, text, headers } = await ask(suite.server, path);
      expect(status).toBe(200);
      expect(text).toBe('{"status":"ok"}');
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('content-type')).toMatch(/^application\/json/);
    });

    it('a wrong password changes nothing', async () => {
      const { status, text } = await ask(suite.server, 'ready', basicAuth('operator', 'wrong'));
      expect([status, text]).toEqual([200, '{"status":"ok"}']);
    });

    it('there is no third question', async () => {
      expect((await fetch(`${suite.server.url}/health`)).status).toBe(404);
    });
  });

  it('tells the operator about every part', async () => {
    const { status, report } = await ask(suite.server, 'ready', OPERATOR_AUTH);
    expect(status).toBe(200);
    const well = {
      status: 'ok',
      breaker: 'closed',
      unhealthySince: null,
      removalPaused: false,
      certificateEndsAt: null,
      servers: null,
    };
    expect(report).toEqual({
      status: 'ok',
      database: { status: 'ok' },
      queue: { status: 'ok', lanes: [] },
      worker: { status: 'ok' },
      providers: {
        apns: well,
        fcm: well,
        huawei: well,
        webpush: { ...well, servers: { known: 0, failing: 0, proven: 0, provenFailing: 0, largestFailing: [] } },
      },
      unconfigured: [],
      network: null,
    });
  });

  it('stays ready, and is degraded for the operator, while a provider is down', async () => {
    const id = newId();
    await suite.server.register(id, newIosToken());
    await suite.gateways.apns.stopListening();
    for (let count = 0; count < 8; count++) await suite.server.notify(id, newData());
    await vi.waitUntil(async () => (await readyOf(suite.server)).status === 'degraded', EVENTUALLY);
    const { status, report } = await ask(suite.server, 'ready', OPERATOR_AUTH);
    expect(status).toBe(200);
    expect(report.providers['apns']).toMatchObject({
      status: 'degraded',
      problem: expect.stringContaining('provider-down'),
      unhealthySince: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    });
    expect(report.providers['fcm']?.status).toBe('ok');
    expect((await ask(suite.server, 'ready')).text).toBe('{"status":"ok"}');
    await suite.gateways.apns.listenAgain();
    await suite.server.idle(20_000);
    await vi.waitUntil(async () => (await readyOf(suite.server)).status === 'ok', EVENTUALLY);
  });

  it('shows how much waits, and for how long', async () => {
    const id = newId();
    await suite.server.register(id, newIosToken());
    suite.gateways.apns.latencyMs = 4000;
    await suite.server.notify(id, newData());
    // A report is kept for a second, the last of the test before too.
    const hasIntake = async () => (await readyOf(suite.server)).queue.lanes.some(({ lane }) => lane === 'intake');
    await vi.waitUntil(hasIntake, EVENTUALLY);
    const { queue } = await readyOf(suite.server);
    expect(queue.lanes).toEqual([{ lane: 'intake', items: 1, oldestAgeSeconds: expect.any(Number) }]);
    await suite.server.idle(20_000);
  }, 40_000);

  it('holds no id, token or content', async () => {
    const [id, token, data] = [newId(), newIosToken(), newData()];
    await suite.server.register(id, token);
    await suite.server.notify(id, data);
    const { text } = await ask(suite.server, 'ready', OPERATOR_AUTH);
    for (const secret of [id, token, data]) expect(text).not.toContain(secret);
    await suite.server.idle();
  });

  it('costs one look for many who ask at once', async () => {
    const queries = vi.spyOn(suite.server.dataSource, 'query');
    await Promise.all(Array.from({ length: 50 }, () => ask(suite.server, 'ready')));
    expect(queries.mock.calls.filter(([text]) => text === 'SELECT 1').length).toBeLessThanOrEqual(2);
    queries.mockRestore();
  });
});

describeOneDatabase('health of a server', (databases) => {
  let server: TestServer | undefined;
  let gateways: TestGateways | undefined;
  afterEach(async () => {
    await server?.close();
    await gateways?.close();
  });
  async function start(env: Record<string, string> = {}): Promise<TestServer> {
    gateways = await startGateways();
    server = await TestServer.start({ database: await databases.create(), gateways, env });
    return server;
  }

  it('is an error when the queue cannot be written', async () => {
    const broken = await start();
    await query(broken.database, 'ALTER TABLE queued_notifications RENAME TO away');
    await vi.waitUntil(async () => (await ask(broken, 'ready')).status === 503, EVENTUALLY);
    expect((await ask(broken, 'ready')).text).toBe('{"status":"error"}');
    expect((await ask(broken, 'live')).status).toBe(200);
    const report = await readyOf(broken);
    expect(report).toMatchObject({ status: 'error', database: { status: 'ok' }, queue: { status: 'error' } });
    await query(broken.database, 'ALTER TABLE away RENAME TO queued_notifications');
    await vi.waitUntil(async () => (await ask(broken, 'ready')).status === 200, EVENTUALLY);
  });

  it('is an error within seconds when the database does not answer, and none when it does again', async () => {
    const stuck = await start();
    const blocker = await openDataSource(stuck.database);
    const connection = blocker.createQueryRunner();
    const [lock, unlock] = WRITE_LOCK[databases.kind];
    await connection.query(lock);
    const began = Date.now();
    await vi.waitUntil(async () => (await ask(stuck, 'ready')).status === 503, EVENTUALLY);
    expect(Date.now() - began).toBeLessThan(5000);
    expect((await readyOf(stuck)).queue).toMatchObject({ status: 'error', problem: 'timed out' });
    await connection.query(unlock);
    await vi.waitUntil(async () => (await ask(stuck, 'ready')).status === 200, EVENTUALLY);
    await connection.release();
    await blocker.destroy();
  });

  it('gives nobody details when there is no operator', async () => {
    const open = await start({ STATISTICS_USERNAME: '', STATISTICS_PASSWORD: '' });
    expect((await ask(open, 'ready', OPERATOR_AUTH)).text).toBe('{"status":"ok"}');
    expect((await ask(open, 'ready', basicAuth('', ''))).text).toBe('{"status":"ok"}');
  });

  it('knows the end of the certificate', async () => {
    gateways = await startGateways();
    const { apnsCertFile, apnsCertKeyFile } = gateways.files;
    const token = { APNS_TOKEN_KEY_FILE: '', APNS_TOKEN_KEY_ID: '', APNS_TOKEN_TEAM_ID: '' };
    const env = { ...token, APNS_CERT_FILE: apnsCertFile, APNS_CERT_KEY_FILE: apnsCertKeyFile };
    server = await TestServer.start({ database: await databases.create(), gateways, env });
    const { providers } = await readyOf(server);
    expect(Date.parse(providers['apns']?.certificateEndsAt ?? '')).toBeGreaterThan(Date.now());
    expect(providers['fcm']?.certificateEndsAt).toBeNull();
  });

  it('names the providers that are not configured', async () => {
    const bare = await start({ HUAWEI_APP_ID: '', HUAWEI_APP_SECRET: '' });
    const report = await readyOf(bare);
    expect(Object.keys(report.providers)).toEqual(['apns', 'fcm', 'webpush']);
    expect(report.unconfigured).toEqual(['huawei']);
    expect(report.status).toBe('ok');
  });
});
