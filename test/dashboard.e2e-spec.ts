import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type z } from 'zod';
import { healthReportSchema } from '../src/dashboard/dto/health-report.dto.js';
import { serverStatusSchema } from '../src/dashboard/dto/server-status.dto.js';
import { statisticsDataSchema } from '../src/dashboard/dto/statistics-data.dto.js';
import {
  legacyStatisticsSchema,
  refusalSchema,
  terseHealthSchema,
  versionSchema,
} from '../src/dashboard/openapi/operator-answers.js';
import { ASSETS } from '../src/dashboard/page-files.js';
import { DevicesService } from '../src/devices/devices.service.js';
import { describeEachDatabase } from './support/databases.js';
import { OPERATOR_AUTH } from './support/metrics.js';
import { newAndroidToken, newData, newHuaweiToken, newId, newIosToken } from './support/people.js';
import { inFolder, spawnServer } from './support/spawned-server.js';
import { askStatistics, basicAuth } from './support/statistics.js';
import { OPERATOR, useServer } from './support/test-server.js';
import { clearTraffic, PERIOD_MS, storeTraffic } from './support/traffic.js';

const OWN_PATHS = [
  '/statistics',
  '/statistics/data',
  '/statistics/status',
  '/statistics/assets/statistics.js',
  '/docs',
  '/docs/openapi.json',
];

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
  "frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

interface OpenApi {
  openapi: string;
  paths: Record<string, Record<string, { security?: unknown[] }>>;
  components: { schemas: Record<string, unknown> };
}

async function get(url: string, authorization: string | null = OPERATOR_AUTH) {
  const response = await fetch(url, { headers: authorization === null ? {} : { authorization } });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text };
}

async function read<T>(url: string, schema: z.ZodType<T>): Promise<T> {
  const { status, text } = await get(url);
  expect({ status, text }).toMatchObject({ status: 200 });
  return schema.parse(JSON.parse(text));
}

/** Unlike fetch it leaves dots and backslashes in the path alone. */
async function getAsWritten(url: string, path: string): Promise<number | undefined> {
  const { hostname, port } = new URL(url);
  const sent = request({ hostname, port, path, headers: { authorization: OPERATOR_AUTH } }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  return response.statusCode;
}

describeEachDatabase('the dashboard', (databases) => {
  const suite = useServer(databases);
  const url = (path: string) => `${suite.server.url}${path}`;
  afterEach(async () => {
    await clearTraffic(suite.server.dataSource);
  });

  it('gives the counted periods in UTC, with the numbers of /get_statistics_data', async () => {
    const [first] = await storeTraffic(suite.server.dataSource, 3);
    const { periodHours, periods } = await read(url('/statistics/data'), statisticsDataSchema);
    expect(periodHours).toBe(12);
    expect(periods.map(({ from }) => Date.parse(from))).toEqual(
      [0, 1, 2].map((n) => (first?.startDate ?? 0) + n * PERIOD_MS),
    );
    const legacy = await askStatistics(suite.server.url);
    expect(periods.every(({ pushes }) => pushes.huawei > 0)).toBe(true);
    const inTheirForm = periods.map(({ messages, pushes: { ios, android, huawei } }) => ({
      messages,
      pushes: { ios, android: android + huawei },
    }));
    expect(inTheirForm).toEqual(
      legacy.json.data.data.map((row) => ({
        messages: {
          total: row.total_message_number,
          oneToOne: row.deduplicated_1_1_message_number,
          closedGroup: row.closed_group_message_number,
          untracked: row.untracked_message_number,
        },
        pushes: { ios: row.ios_pn_number, android: row.android_pn_number },
      })),
    );
  });

  it('gives each period to one of two ranges that follow each other', async () => {
    const stored = await storeTraffic(suite.server.dataSource, 4);
    const begins = async (query: string) =>
      (await read(url(`/statistics/data?${query}`), statisticsDataSchema)).periods.map(({ from }) => Date.parse(from));
    const [a = 0, b = 0, c = 0, d = 0] = stored.map(({ startDate }) => startDate);
    expect(await begins(`to=${c}`)).toEqual([a, b]);
    expect(await begins(`from=${c}`)).toEqual([c, d]);
    expect(await begins(`from=${b}&to=${d}`)).toEqual([b, c]);
    expect(await begins(`from=${b + 1}&to=${c}`)).toEqual([]);
    expect(
      await begins(`from=${new Date(b).toISOString()}&to=${encodeURIComponent('2999-01-01T00:00:00+02:00')}`),
    ).toEqual([b, c, d]);
    expect(await begins('from=2001-01-01&to=2001-01-02')).toEqual([]);
  });

  it.each<[string, string]>([
    ['from', 'from=yesterday'],
    ['from', 'from=2026-02-30'],
    ['from', 'from=-1'],
    ['from', 'from=2026-01-01T00:00:00'],
    ['from', 'from=1&from=2'],
    ['to', 'to=99999999999999999999'],
    ['to', "to=1' OR '1'='1"],
    ['to', 'from=2000&to=1000'],
    ['by', 'by=minute'],
  ])('names %s in the answer to %s', async (field, query) => {
    const { status, text } = await get(url(`/statistics/data?${query}`));
    expect(status).toBe(400);
    expect(refusalSchema.parse(JSON.parse(text)).message).toEqual([expect.stringContaining(field)]);
    expect(text).not.toContain('OR');
  });

  it('tells how the server is and how many devices it knows, and nothing about them', async () => {
    const { server } = suite;
    const [id, token, data] = [newId(), newIosToken(), newData()];
    await server.register(id, token);
    await server.register(id, newAndroidToken());
    await server.register(newId(), newHuaweiToken(), 'huawei');
    await server.notify(id, data);
    const { text } = await get(url('/statistics/status'));
    const status = serverStatusSchema.parse(JSON.parse(text));
    expect(status.devices).toMatchObject({ byPlatform: { ios: 1, android: 1, huawei: 1, unknown: 0 }, sessionIds: 2 });
    expect(status.instance).toEqual({ role: 'all', processes: 1 });
    expect(Object.keys(status.health.providers)).toEqual(['apns', 'fcm', 'huawei', 'webpush']);
    for (const secret of [id, token, data]) expect(text).not.toContain(secret);
  });

  it('counts what was sent a moment ago, by the hour too, and Huawei apart from Android', async () => {
    const { server } = suite;
    const [id, huaweiId] = [newId(), newId()];
    await server.register(id, newAndroidToken());
    await server.register(huaweiId, newHuaweiToken(), 'huawei');
    await read(url('/statistics/data'), statisticsDataSchema);
    await clearTraffic(server.dataSource);
    for (const recipient of [id, huaweiId]) await server.notify(recipient, newData());
    await server.idle();
    for (const by of ['hour', 'period']) {
      const { periods, periodHours } = await read(url(`/statistics/data?by=${by}`), statisticsDataSchema);
      // An hour may just have ended.
      const sum = (countOf: (period: (typeof periods)[number]) => number) =>
        periods.reduce((total, period) => total + countOf(period), 0);
      expect(periodHours).toBe(by === 'hour' ? 1 : 12);
      expect([by, sum(({ messages }) => messages.total)]).toEqual([by, 2]);
      expect([by, sum(({ pushes }) => pushes.android), sum(({ pushes }) => pushes.huawei)]).toEqual([by, 1, 1]);
      for (const { from, to } of periods) {
        expect(Date.parse(to) - Date.parse(from)).toBeLessThanOrEqual(periodHours * 3_600_000);
      }
    }
    const [row] = (await askStatistics(server.url)).json.data.data;
    expect(Object.keys(row ?? {})).not.toContain('huawei_pn_number');
  });

  it('tells how the server is when the devices cannot be counted, and counts once for many who ask', async () => {
    await suite.server.restart();
    const count = vi.spyOn(suite.server.app.get(DevicesService), 'count').mockRejectedValue(new Error('no'));
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => read(url('/statistics/status'), serverStatusSchema)),
    );
    expect(answers.map(({ devices }) => devices)).toEqual([null, null, null, null, null]);
    expect(answers[0]?.health.database.status).toBe('ok');
    expect(count).toHaveBeenCalledTimes(1);
    count.mockRestore();
  });

  describe('lets in the operator alone:', () => {
    it.each(OWN_PATHS)('%s', async (path) => {
      for (const authorization of [null, basicAuth('operator', 'wrong'), 'Bearer x']) {
        const { status, headers, text } = await get(url(path), authorization);
        expect(status).toBe(401);
        expect(headers.get('www-authenticate')).toMatch(/^Basic /);
        expect(headers.get('content-security-policy')).toBe(POLICY);
        refusalSchema.parse(JSON.parse(text));
      }
      expect((await get(url(path))).status).toBe(200);
    });
  });

  it.each(OWN_PATHS)('%s may load nothing from elsewhere, and is kept nowhere', async (path) => {
    const { headers } = await get(url(path));
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-security-policy': POLICY,
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
    });
  });

  it('serves what the pages refer to, each as what it is', async () => {
    const types: Record<string, string> = { css: 'text/css', js: 'text/javascript', svg: 'image/svg+xml' };
    const wanted = new Set<string>();
    for (const page of ['/statistics', '/docs']) {
      const { headers, text } = await get(url(page));
      expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(text).not.toMatch(/<style|\sstyle=|\son\w+=|<script>/);
      for (const [, name = ''] of text.matchAll(/(?:href|src)="statistics\/assets\/([^"]+)"/g)) wanted.add(name);
    }
    for (const name of wanted) {
      const { status, headers, text } = await get(url(`/statistics/assets/${name}`));
      expect([name, status]).toEqual([name, 200]);
      expect(headers.get('content-type')).toBe(`${types[name.split('.').at(-1) ?? '']}; charset=utf-8`);
      for (const [, imported = ''] of text.matchAll(/from '\.\/([^']+)'/g)) wanted.add(imported);
    }
    expect([...wanted].toSorted()).toEqual([...ASSETS.keys()].toSorted());
  });

  it.each([
    '../../../package.json',
    '..%2f..%2f..%2fpackage.json',
    '%2e%2e/%2e%2e/%2e%2e/package.json',
    '%2e%2e%2f%2e%2e%2fpage-files.js',
    '..%5c..%5cpackage.json',
    '..\\..\\package.json',
    '....//....//package.json',
    '%252e%252e%252fpackage.json',
    '%2fetc%2fpasswd',
    '/etc/passwd',
    'file:%2f%2f%2fetc%2fpasswd',
    'page.css%00',
    'page.css/',
    'PAGE.CSS',
    'statistics.html',
    '__proto__',
    'constructor',
    '.',
    '',
  ])('leads nowhere by the name %s', async (name) => {
    expect(await getAsWritten(suite.server.url, `/statistics/assets/${name}`)).toBe(404);
  });

  it('describes every endpoint that is for the operator, and no other', async () => {
    const document = JSON.parse((await get(url('/docs/openapi.json'))).text) as OpenApi;
    expect(document.openapi).toBe('3.1.0');
    const described = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(described.toSorted()).toEqual(
      routesOf(suite.server.app.getHttpAdapter().getInstance().printRoutes({ commonPrefix: false })),
    );
    for (const [, name = ''] of JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)) {
      expect(Object.keys(document.components.schemas)).toContain(name);
    }
  });

  it('is described as it answers', async () => {
    await storeTraffic(suite.server.dataSource, 2);
    const document = JSON.parse((await get(url('/docs/openapi.json'))).text) as OpenApi;
    for (const [path, { get: operation }] of Object.entries(document.paths)) {
      if (!operation) continue;
      expect([path, (await get(url(path), null)).status]).toEqual([path, operation.security ? 200 : 401]);
      expect([path, (await get(url(path))).status]).toEqual([path, 200]);
    }
    await read(url('/health/ready'), healthReportSchema);
    for (const path of ['/health/live', '/healthz']) await read(url(path), terseHealthSchema);
    await read(url('/version'), versionSchema);
    legacyStatisticsSchema.parse((await askStatistics(suite.server.url)).json);
  });

  it('is not there without an operator', async () => {
    await suite.server.restart({ STATISTICS_USERNAME: '', STATISTICS_PASSWORD: '' });
    for (const path of OWN_PATHS) {
      for (const authorization of [null, OPERATOR_AUTH, basicAuth('', '')]) {
        expect([path, (await get(url(path), authorization)).status]).toEqual([path, 404]);
      }
    }
    await suite.server.restart();
  });
});

describe('the dashboard of the built program', () => {
  it('has all its files', () =>
    inFolder(async (folder) => {
      const env = { STATISTICS_USERNAME: OPERATOR.username, STATISTICS_PASSWORD: OPERATOR.password };
      const { process: server, start } = await spawnServer(env, folder);
      for (const path of ['/statistics', '/docs', ...[...ASSETS.keys()].map((name) => `/statistics/assets/${name}`)]) {
        const { status, text } = await get(`${start.address}${path}`);
        expect([path, status]).toEqual([path, 200]);
        expect(text.length).toBeGreaterThan(100);
      }
      await server.stop();
    }));
});

/**
 * `METHOD /path` of what the application answers, without the onion paths and without the files of the pages.
 *
 * @param tree as Fastify prints it, a level for each four characters
 */
function routesOf(tree: string): string[] {
  const above: string[] = [];
  const routes = tree.split('\n').flatMap((line) => {
    const [, indent = '', part = '', methods = ''] = /^([│ ]*)[├└]── (\S+)(?: \(([A-Z, ]+)\))?/.exec(line) ?? [];
    const path = `${indent.length === 0 ? '' : (above[indent.length / 4 - 1] ?? '')}${part}`;
    above[indent.length / 4] = path;
    return methods === '' ? [] : methods.split(', ').map((method) => `${method} ${path}`);
  });
  return routes.filter((route) => !/^HEAD |lsrpc$|\/statistics\/assets\//.test(route)).toSorted();
}
