import { createServer } from 'node:net';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { OperatorListener } from '../src/operator/operator-listener.js';
import { ONION_PATHS } from '../src/onion/protocol/onion-client.js';
import { sqlite } from './faults/sqlite.js';
import { AlertHook } from './support/alert-hook.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { Metrics, OPERATOR_AUTH } from './support/metrics.js';
import { newId, newIosToken } from './support/people.js';
import { inFolder, ServerProcess, type SpawnedServer, spawnServer } from './support/spawned-server.js';
import { basicAuth } from './support/statistics.js';
import { OPERATOR, TestServer } from './support/test-server.js';

/** What only the operator has any business with. */
const OPERATORS = ['/statistics', '/statistics/data', '/statistics/status', '/statistics/assets/page.css', '/metrics'];
const DOCS = ['/docs', '/docs/openapi.json'];
const CREDENTIALS = { STATISTICS_USERNAME: OPERATOR.username, STATISTICS_PASSWORD: OPERATOR.password };
const WRONG = basicAuth(OPERATOR.username, 'not the password');

const databases = sqlite();
let gateways: TestGateways;
let server: TestServer;
beforeAll(async () => void (gateways = await startGateways()));
afterEach(() => server.close());
afterAll(() => gateways.close());

async function start(env: Record<string, string> = {}): Promise<void> {
  server = await TestServer.start({ database: await databases.create(), gateways, env });
}

const operatorUrl = (): string => server.app.get(OperatorListener).address ?? 'there is none';

async function get(url: string, authorization: string | null = OPERATOR_AUTH, method = 'GET') {
  const response = await fetch(url, { method, headers: authorization === null ? {} : { authorization } });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

describe("the operator's listener", () => {
  it("has all that is the operator's, and the public port has nothing of it", async () => {
    await start({ OPERATOR_PORT: '0' });
    for (const path of [...OPERATORS, ...DOCS]) {
      const [there, here] = [await get(operatorUrl() + path), await get(server.url + path)];
      expect([path, there.status, here.status]).toEqual([path, 200, 404]);
      expect(here.headers.get('content-security-policy')).toBeNull();
      expect(JSON.parse(here.text)).toEqual({
        message: `Cannot GET ${path}`,
        error: 'Not Found',
        statusCode: 404,
      });
    }
  });

  it('takes no onion requests, and the public port does', async () => {
    await start({ OPERATOR_PORT: '0' });
    await server.register(newId(), newIosToken());
    const { path, body } = server.onion.seal('register', { pubKey: newId(), token: newIosToken() });
    expect((await fetch(operatorUrl() + path, { method: 'POST', body })).status).toBe(404);
    expect((await get(operatorUrl() + ONION_PATHS.v2, null, 'POST')).status).toBe(404);
  });

  it("has the original's statistics too, which stay where their clients look for them", async () => {
    await start({ OPERATOR_PORT: '0' });
    for (const url of [operatorUrl(), server.url]) {
      expect((await get(`${url}/get_statistics_data`, OPERATOR_AUTH, 'POST')).status).toBe(200);
    }
  });

  it('has the whole report of health, and the public port the terse one whoever asks', async () => {
    await start({ OPERATOR_PORT: '0' });
    expect((await get(`${operatorUrl()}/health/ready`)).text).toContain('"providers"');
    for (const path of ['/health/ready', '/health/live', '/healthz']) {
      expect((await get(server.url + path)).text).toBe('{"status":"ok"}');
      expect((await get(operatorUrl() + path, null)).text).toBe('{"status":"ok"}');
    }
  });

  it('says at / of either what it is, and its version to the operator alone', async () => {
    await start({ OPERATOR_PORT: '0' });
    for (const url of [server.url, operatorUrl()]) {
      const { headers, text } = await get(`${url}/`, null);
      expect(headers.get('content-type')).toBe('text/plain; charset=utf-8');
      expect(text).toMatch(/^This is a push notification server for Session/);
    }
    expect((await get(`${server.url}/version`)).status).toBe(404);
    expect((await get(`${operatorUrl()}/version`, null)).status).toBe(401);
    expect((await get(`${operatorUrl()}/version`)).text).toMatch(/"version":"\d/);
  });

  it('asks for the password like before', async () => {
    await start({ OPERATOR_PORT: '0' });
    for (const path of [...OPERATORS, ...DOCS]) {
      for (const authorization of [null, WRONG]) {
        expect([path, (await get(operatorUrl() + path, authorization)).status]).toEqual([path, 401]);
      }
    }
  });

  it('is the public port when it has none of its own', async () => {
    await start();
    expect(server.app.get(OperatorListener).address).toBeNull();
    for (const path of [...OPERATORS, ...DOCS]) expect((await get(server.url + path)).status).toBe(200);
    expect((await get(`${server.url}/health/ready`)).text).toContain('"providers"');
  });

  it.each<Record<string, string>>([{ OPERATOR_PORT: '0' }, {}])(
    'keeps every answer out of caches and other pages: %o',
    async (env) => {
      await start(env);
      const url = env['OPERATOR_PORT'] === undefined ? server.url : operatorUrl();
      const asked = [...OPERATORS, ...DOCS, '/health/ready', '/health/live', '/statistics/assets/none'];
      for (const path of asked) {
        for (const authorization of [OPERATOR_AUTH, WRONG, null]) {
          const { headers } = await get(url + path, authorization);
          const names = ['x-content-type-options', 'cache-control', 'cross-origin-resource-policy'];
          expect([path, ...names.map((name) => headers.get(name))]).toEqual([
            path,
            'nosniff',
            'no-store',
            'same-origin',
          ]);
        }
      }
      const legacy = await get(`${url}/get_statistics_data`, WRONG, 'POST');
      expect(legacy.headers.get('cache-control')).toBe('no-store');
    },
  );
});

describe("guesses at the operator's password", () => {
  const guess = (url: string) => get(`${url}/get_statistics_data`, WRONG, 'POST');
  const guessAll = async (url: string, count: number) => {
    const statuses: number[] = [];
    for (let index = 0; index < count; index++) statuses.push((await guess(url)).status);
    return statuses;
  };

  it('are not looked at any more when there were too many, the right one neither', async () => {
    await start();
    const statuses = await guessAll(server.url, 50);
    expect(statuses.slice(0, 30).every((status) => status === 401)).toBe(true);
    // A slow machine may take so long that one more is looked at.
    expect(statuses.slice(30).filter((status) => status === 429).length).toBeGreaterThan(10);
    const { status, headers } = await get(`${server.url}/statistics/data`);
    expect([status, Number(headers.get('retry-after'))]).toEqual([429, 5]);
    expect((await get(`${server.url}/health/ready`)).text).toBe('{"status":"ok"}');
    // Who gives none is asked for one.
    expect((await get(`${server.url}/metrics`, null)).status).toBe(401);
  });

  it('do not lock the operator out who was there before', async () => {
    await start();
    expect((await get(`${server.url}/metrics`)).status).toBe(200);
    // All of these come from his address; behind a proxy a stranger's do.
    await guessAll(server.url, 29);
    expect((await get(`${server.url}/metrics`)).status).toBe(200);
  });

  it('on the public port do not lock him out at his own', async () => {
    await start({ OPERATOR_PORT: '0' });
    await guessAll(server.url, 40);
    expect((await guess(server.url)).status).toBe(429);
    expect((await get(`${operatorUrl()}/metrics`)).status).toBe(200);
    await guessAll(operatorUrl(), 40);
    expect((await get(`${operatorUrl()}/metrics`)).status).toBe(429);
  });

  it('are counted, told in a line at once and then one a minute, and alerted, without an address', async () => {
    const hook = await AlertHook.start();
    await start({ OPERATOR_PORT: '0', ALERT_WEBHOOK_URL: hook.url });
    await guessAll(server.url, 40);
    const lines = server.log.find("wrong passwords for the operator's endpoints");
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain('127.0.0.1');
    const metrics = new Metrics((await get(`${operatorUrl()}/metrics`)).text);
    const wrong = metrics.value('session_push_operator_refusals_total', { reason: 'wrong' }) ?? 0;
    const limited = metrics.value('session_push_operator_refusals_total', { reason: 'limited' }) ?? 0;
    expect(wrong).toBeGreaterThanOrEqual(30);
    expect(limited).toBeGreaterThan(0);
    expect(wrong + limited).toBe(40);
    await hook.close();
  });
});

describe('a start', () => {
  const withServer = async (env: Record<string, string>, use: (server: SpawnedServer) => Promise<void>) => {
    await start();
    await inFolder(async (folder) => {
      const spawned = await spawnServer({ ...CREDENTIALS, ...env }, folder);
      await use(spawned);
      expect((await spawned.process.stop()).code).toBe(0);
    });
  };
  const openLine = async ({ process }: SpawnedServer) => {
    const find = () => process.log.map(({ msg }) => String(msg)).filter((msg) => msg.startsWith('open '));
    await vi.waitUntil(() => find().length > 0, { timeout: 10_000 });
    return find();
  };

  it('says in one line what is open to whom', async () => {
    await withServer({}, async (spawned) => {
      const { address } = spawned.start;
      expect(await openLine(spawned)).toEqual([
        `open to everybody at ${address}: onion requests and terse health; in the same place, with the password: all that is the operator's`,
      ]);
    });
    await withServer({ OPERATOR_PORT: '0' }, async (spawned) => {
      const { address, operatorAddress } = spawned.start as unknown as Record<string, string>;
      expect(operatorAddress).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
      expect(await openLine(spawned)).toEqual([
        `open to everybody at ${address}: onion requests and terse health, with the password POST /get_statistics_data; ` +
          `to the operator at ${operatorAddress}, with the password: all that is his`,
      ]);
    });
  });

  it('has one operator listener of several processes', async () => {
    await withServer({ OPERATOR_PORT: '0', WORKERS: '2' }, async (spawned) => {
      const { address, operatorAddress } = spawned.start as unknown as Record<string, string>;
      for (let count = 0; count < 4; count++) {
        expect((await get(`${operatorAddress}/metrics`)).status).toBe(200);
        expect((await get(`${address}/metrics`)).status).toBe(404);
      }
    });
  });

  it('ends with 1 and names the variables when the port of the operator is in use', async () => {
    await start();
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = String(typeof address === 'object' ? address?.port : '');
    await inFolder(async (folder) => {
      const { code, stdout } = await new ServerProcess({ OPERATOR_PORT: port }, folder).exit;
      expect(code).toBe(1);
      expect(stdout).toContain(
        `the operator's listener cannot listen at http://127.0.0.1:${port} (EADDRINUSE), check OPERATOR_HOST and OPERATOR_PORT`,
      );
    });
    other.close();
  });
});
