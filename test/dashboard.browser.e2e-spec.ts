import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { apnsError } from '../gateways/apns.answers.js';
import { startSwarmNetwork } from '../gateways/swarm/network.js';
import { startWebPushGateway } from '../gateways/webpush.gateway.js';
import { Device } from '../src/devices/device.entity.js';
import { StatisticsHour } from '../src/statistics/statistics-hour.entity.js';
import { type StatisticsPeriod } from '../src/statistics/statistics-period.entity.js';
import { describeInBrowser, type WatchedPage } from './support/browser.js';
import { subscribePhones, untilWatched } from './support/network-phones.js';
import { newAndroidToken, newData, newId, newIosToken } from './support/people.js';
import { queueWebPush } from './support/queued-web-push.js';
import { useServer } from './support/test-server.js';
import { clearTraffic, PERIOD_MS, storeTraffic } from './support/traffic.js';

/** A person may look at them after the run. */
const SCREENSHOTS = join(tmpdir(), 'session-push-screenshots');
const EVENTUALLY = { timeout: 10_000, interval: 100 };
const LONG = { timeout: 20_000, interval: 100 };
const PERIODS = 60;
const WEEK = 14;
const PHONE = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, hasTouch: true };

const total = (rows: readonly StatisticsPeriod[]) =>
  rows.reduce((sum, { totalMessages }) => sum + totalMessages, 0).toLocaleString('en-GB');

interface DrawnPlot {
  readonly width: number;
  readonly height: number;
  readonly ground: number;
  readonly bars: readonly { readonly from: number; readonly to: number }[];
  readonly atTheEdge: number;
}

describeInBrowser('the statistics page in Chromium', (browser) => {
  const folder = mkdtempSync(join(tmpdir(), 'spns-browser-'));
  const suite = useServer(
    { kind: 'sqlite', create: async () => `sqlite:${join(folder, 'server.sqlite')}` },
    {
      env: { HUAWEI_APP_ID: '', HUAWEI_APP_SECRET: '' },
      transports: { webpush: { pauseMs: 200, longestPauseMs: 400 } },
    },
  );
  let stored: StatisticsPeriod[] = [];
  const open: WatchedPage[] = [];

  beforeAll(() => {
    mkdirSync(SCREENSHOTS, { recursive: true });
  });
  beforeEach(async () => {
    // Writes what was counted: nothing of it falls into the next test.
    await suite.server.restart();
    await clearTraffic(suite.server.dataSource);
    stored = await storeTraffic(suite.server.dataSource, PERIODS);
    await suite.server.dataSource.getRepository(Device).clear();
    return async () => {
      for (const { context } of open.splice(0)) await context.close();
    };
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function visit(options: Parameters<typeof browser.open>[0] = {}, path = '/statistics'): Promise<WatchedPage> {
    const watched = await browser.open({ locale: 'en-GB', timezoneId: 'UTC', ...options });
    open.push(watched);
    await watched.page.goto(`${suite.server.url}${path}`, { waitUntil: 'networkidle' });
    await vi.waitUntil(() => isFilled(watched.page), EVENTUALLY);
    return watched;
  }

  /** The network is idle also between the page and its scripts, when the machine is busy. */
  const isFilled = (page: Page) =>
    page.evaluate<boolean>(`document.querySelector('article code') !== null ||
      document.querySelector('#updated')?.textContent.startsWith('Updated') &&
      document.querySelector('#messages .plot')?.hasAttribute('aria-label')`);
  const messagesTotal = (page: Page) => page.locator('#messages .total').textContent();
  const shoot = (page: Page, name: string) =>
    page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
  /** Whether the canvas of the messages holds the colour of the first kind. */
  const isDrawn = (page: Page) =>
    page.evaluate<boolean>(`(() => {
      const colour = getComputedStyle(document.documentElement).getPropertyValue('--series-1').trim().slice(1);
      const wanted = [0, 2, 4].map((at) => parseInt(colour.slice(at, at + 2), 16));
      const canvas = document.querySelector('#messages canvas');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      let found = 0;
      for (let at = 0; at < data.length; at += 4) if (wanted.every((part, index) => data[at + index] === part)) found++;
      return found > 1000;
    })()`);
  /** What the canvas of a figure holds, in its own pixels: the bars just above the ground, and what touches the right edge. */
  const plotOf = (page: Page, figure: string) =>
    page.evaluate<DrawnPlot>(`(() => {
      const colour = getComputedStyle(document.documentElement).getPropertyValue('--series-1').trim().slice(1);
      const wanted = [0, 2, 4].map((at) => parseInt(colour.slice(at, at + 2), 16));
      const canvas = document.querySelector('${figure} canvas');
      const { width, height } = canvas;
      const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
      const isBar = (x, y) => wanted.every((part, index) => data[(y * width + x) * 4 + index] === part);
      const across = Array.from({ length: width }, (_, x) => x);
      let ground = height - 1;
      while (ground > 0 && !across.some((x) => isBar(x, ground))) ground--;
      const bars = [];
      for (const x of across) {
        if (!isBar(x, ground - 2)) continue;
        const last = bars.at(-1);
        if (last && last.to === x) last.to = x + 1;
        else bars.push({ from: x, to: x + 1 });
      }
      let atTheEdge = 0;
      for (let y = 0; y < height; y++) for (const x of [width - 1, width - 2]) atTheEdge += data[(y * width + x) * 4 + 3];
      return { width, height, ground, bars, atTheEdge };
    })()`);
  const overflow = (page: Page) => page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');

  it('shows a week of messages and pushes, and asks nobody but its server', async () => {
    const { page, complaints, requested } = await visit();
    expect(await messagesTotal(page)).toBe(total(stored.slice(-WEEK)));
    await vi.waitUntil(() => isDrawn(page), EVENTUALLY);
    expect(await page.locator('#messages .legend').textContent()).toMatch(
      /One-to-one [\d,]+Closed group [\d,]+Untracked/,
    );
    await page.locator('#pushes').getByText('As a table').click();
    const table = page.getByRole('table', { name: 'Pushes, newest first' });
    await vi.waitFor(async () => expect(await table.locator('tbody tr').count()).toBe(WEEK), EVENTUALLY);
    const newest = stored.at(-1);
    const { iosPushes = 0, androidPushes = 0, huaweiPushes = 0 } = newest ?? {};
    expect(await table.locator('tbody tr').first().locator('td').allTextContents()).toEqual(
      [iosPushes, androidPushes - huaweiPushes, huaweiPushes, iosPushes + androidPushes].map((count) =>
        count.toLocaleString('en-GB'),
      ),
    );
    expect(requested.length).toBeGreaterThan(10);
    expect(requested.filter((address) => !address.startsWith(`${suite.server.url}/`))).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it('shows the state of each provider, the queue, and devices per platform', async () => {
    const { server, gateways } = suite;
    const id = newId();
    await server.register(id, newIosToken());
    for (const token of [newAndroidToken(), newAndroidToken(), newAndroidToken()])
      await server.register(newId(), token);
    await server.restart();
    await gateways.apns.stopListening();
    for (let sent = 0; sent < 8; sent++) await server.notify(id, newData());
    const { page, complaints } = await visit();
    const apple = page.getByRole('listitem').filter({ hasText: 'Apple (APNs)' });
    await vi.waitUntil(async () => {
      await page.getByRole('button', { name: 'Refresh' }).click();
      return (await apple.textContent())?.includes('Degraded');
    }, EVENTUALLY);
    expect(await apple.textContent()).toMatch(
      /Cannot be reached, or is out of order \(\w+\)\.Pushes have been waiting since/,
    );
    expect(await page.locator('#overall').textContent()).toBe('Degraded');
    expect(await page.getByRole('listitem').filter({ hasText: 'Google (FCM)' }).textContent()).toContain('Working');
    expect(await page.getByRole('listitem').filter({ hasText: 'Huawei (HMS)' }).textContent()).toContain(
      'Not configured',
    );
    expect(await page.locator('#queue-items').textContent()).toBe('8');
    expect(await page.getByRole('table', { name: /Waiting items/ }).textContent()).toContain('Apple (APNs)');
    expect(await page.locator('#devices').textContent()).toContain('Android3 (75 %)');
    const outcomes = page.getByRole('table', { name: /Outcomes of pushes/ });
    expect(await outcomes.getByRole('row').filter({ hasText: 'Apple (APNs)' }).locator('td').allTextContents()).toEqual(
      ['0', '0', '0', '0', '0', '0', '0', expect.stringMatching(/^[1-9]/), '–', '–'],
    );
    expect(await page.title()).toBe(`Push server on ${hostname()}`);
    await shoot(page, 'wide-light');
    expect(complaints).toEqual([]);
    await gateways.apns.listenAgain();
    await server.idle(20_000);
  });

  it('shows how many Web Push servers fail, names one that many use and none that is somebody’s own', async () => {
    const { server, gateways } = suite;
    const { credentials } = gateways;
    const own = await startWebPushGateway({ credentials });
    try {
      await server.restart({ WEBPUSH_ALLOWED_HOSTS: 'localhost' });
      const newPhone = (gateway = gateways.webpush) => gateway.subscribe(credentials.vapidKey.applicationServerKey);
      const [phones, alone] = [Array.from({ length: 5 }, () => newPhone()), newPhone(own)];
      const { page, complaints } = await visit();
      const card = page.getByRole('listitem').filter({ hasText: 'Web Push (UnifiedPush)' });
      const shows = (...texts: string[]) =>
        vi.waitUntil(async () => {
          await page.getByRole('button', { name: 'Refresh' }).click();
          const shown = (await card.textContent()) ?? '';
          return texts.every((text) => shown.includes(text));
        }, LONG);
      await shows('Working', 'No push went to a server that a device chose lately.');

      for (const phone of [...phones, alone]) await queueWebPush(server, phone);
      await gateways.webpush.waitForPush(5, LONG.timeout);
      await own.waitForPush(1, LONG.timeout);
      await shows('Working', '2 servers that devices chose; 0 of them fail');

      for (const gateway of [gateways.webpush, own]) await gateway.stopListening();
      for (const phone of [...phones, alone, alone, alone]) await queueWebPush(server, phone);
      const { host } = new URL(gateways.webpush.url);
      await shows(
        '2 servers that devices chose; 2 of them fail, and only their devices wait.',
        `${host} cannot be reached (ConnectFailed); at least 5 devices wait for it.`,
      );
      expect(await card.textContent()).not.toContain(new URL(own.url).host);
      const waiting = page.getByRole('table', { name: /Waiting items/ });
      await vi.waitUntil(async () => {
        await page.getByRole('button', { name: 'Refresh' }).click();
        return (await waiting.textContent())?.includes('Web Push (UnifiedPush)8');
      }, LONG);
      await shoot(page, 'web-push');

      for (const gateway of [gateways.webpush, own]) await gateway.listenAgain();
      await shows('Working', '2 servers that devices chose; 0 of them fail');
      expect(complaints).toEqual([]);
      await server.idle(20_000);
    } finally {
      await own.close();
    }
  });

  it('shows how the storage network is watched, where it is', async () => {
    const { server } = suite;
    const { page: without } = await visit();
    expect(await without.locator('#network-section').isVisible()).toBe(false);
    const network = await startSwarmNetwork();
    try {
      await server.restart({ ...network.environment, NODE_LIST_FILE: join(folder, 'node-list.json') });
      await untilWatched(network, await subscribePhones(server.onion, network, 12));
      const { page, complaints } = await visit();
      const table = page.getByRole('table', { name: 'How the storage network is watched' });
      await vi.waitUntil(async () => {
        await page.getByRole('button', { name: 'Refresh' }).click();
        return (await table.textContent())?.includes('12 watched by all nodes, 0 by some, 0 by none');
      }, EVENTUALLY);
      expect(await table.textContent()).toMatch(/9 known, 9 wanted: 9 connected, 0 failing, 0 set aside/);
      expect(await table.textContent()).toMatch(/List of nodes\d+ s old, from a source/);
      await vi.waitUntil(async () => (await page.locator('#network-state').textContent()) === 'Working', EVENTUALLY);
      await shoot(page, 'network');
      expect(complaints).toEqual([]);
    } finally {
      await server.restart();
      await network.close();
    }
  });

  it.each([['wide', {}] as const, ['phone', PHONE] as const])(
    'draws bars that fill their periods, on one ground, and cuts no label: %s',
    async (_name, options) => {
      const { page } = await visit(options);
      await vi.waitUntil(() => isDrawn(page), EVENTUALLY);
      const [messages, pushes] = [await plotOf(page, '#messages'), await plotOf(page, '#pushes')];
      const period = ((messages.bars.at(-1)?.from ?? 0) - (messages.bars[0]?.from ?? 0)) / (WEEK - 1);
      const ran = (Date.now() - (stored.at(-1)?.startDate ?? 0)) / PERIOD_MS;
      for (const { bars, atTheEdge } of [messages, pushes]) {
        expect(bars).toHaveLength(WEEK);
        for (const { from, to } of bars.slice(0, -1)) {
          expect((to - from) / period).toBeGreaterThan(0.8);
          expect((to - from) / period).toBeLessThan(1);
        }
        const running = bars.at(-1) ?? { from: 0, to: Infinity };
        expect(running.to - running.from).toBeLessThanOrEqual(Math.max(1, ran * period + 1));
        expect(atTheEdge).toBe(0);
      }
      const layoutOf = ({ width, height, ground, bars }: DrawnPlot) => ({ width, height, ground, bars });
      expect(layoutOf(pushes)).toEqual(layoutOf(messages));
    },
  );

  it('shows what failed: gone, refused, and woken without content', async () => {
    const { server, gateways } = suite;
    await server.restart();
    const outcomes = { gone: newIosToken(), refused: newIosToken(), full: newIosToken() };
    gateways.apns.faults.forToken(outcomes.refused, { kind: 'answer', answer: apnsError('BadMessageId') }, 1);
    for (const token of Object.values(outcomes)) {
      const id = newId();
      await server.register(id, token);
      // Apple says since when, and a registration after it outweighs it.
      if (token === outcomes.gone) gateways.apns.mark(token, 'dead', { since: Date.now() + 1000 });
      await server.notify(id, newData(token === outcomes.full ? 3000 : 240));
    }
    await server.idle(20_000);
    const { page } = await visit();
    const table = page.getByRole('table', { name: /Outcomes of pushes/ });
    const apple = table.getByRole('row').filter({ hasText: 'Apple (APNs)' });
    const names = (await table.locator('thead th').allTextContents()).slice(1);
    const cells = await apple.locator('td').allTextContents();
    expect(Object.fromEntries(names.map((name, index) => [name, cells[index]]))).toMatchObject({
      Delivered: '1',
      'Without content': '1',
      'Device gone': '1',
      Refused: '1',
      Expired: '0',
    });
    await shoot(page, 'failures');
    gateways.apns.unmark(outcomes.gone);
  });

  it('lets the keyboard choose the range and walk over the bars', async () => {
    const { page, complaints } = await visit();
    for (let presses = 0; presses < 20; presses++) {
      await page.keyboard.press('Tab');
      if ((await page.evaluate('document.activeElement?.name')) === 'range') break;
    }
    expect(await page.locator('input[name=range][value=week]:focus-visible').count()).toBe(1);
    const outline = `getComputedStyle(document.querySelector('.ranges input:focus-visible + span')).outlineStyle`;
    expect(await page.evaluate(outline)).toBe('solid');
    await page.keyboard.press('ArrowRight');
    await vi.waitUntil(async () => (await messagesTotal(page)) === total(stored), EVENTUALLY);
    expect(await page.getByRole('radio', { name: 'Month' }).isChecked()).toBe(true);
    await page.keyboard.press('ArrowLeft');
    await vi.waitUntil(async () => (await messagesTotal(page)) === total(stored.slice(-WEEK)), EVENTUALLY);
    await page.keyboard.press('ArrowLeft');
    await vi.waitUntil(async () => (await messagesTotal(page)) === total(stored.slice(-2)), EVENTUALLY);
    await page.keyboard.press('Tab');
    const readout = page.locator('#messages .readout');
    const shown = stored.slice(-2).map(({ oneToOneMessages }) => oneToOneMessages.toLocaleString('en-GB'));
    for (const [key, count] of [
      ['ArrowRight', shown[0]],
      ['ArrowRight', shown[1]],
      ['ArrowRight', shown[1]],
      ['Home', shown[0]],
      ['End', shown[1]],
      ['ArrowLeft', shown[0]],
    ] as const) {
      await page.keyboard.press(key);
      await vi.waitUntil(async () => (await readout.textContent())?.includes(`One-to-one ${count},`), EVENTUALLY);
    }
    expect(await page.evaluate('document.activeElement?.getAttribute("aria-label")')).toMatch(
      /^Messages, bars,.* 2 bars/,
    );
    expect(complaints).toEqual([]);
  });

  it('shows the first push of a newcomer at once, and the hours of a day', async () => {
    const { server } = suite;
    await clearTraffic(server.dataSource);
    const id = newId();
    await server.register(id, newIosToken());
    await server.notify(id, newData());
    await server.idle();
    const { page, complaints } = await visit({}, '/statistics#range=day');
    expect(await messagesTotal(page)).toBe('1');
    expect(await page.locator('#pushes .total').textContent()).toBe('1');
    const hour = Math.floor(Date.now() / 3_600_000) * 3_600_000;
    const counts = { iosPushes: 0, androidPushes: 0, huaweiPushes: 0, totalMessages: 3, oneToOneMessages: 3 };
    const rest = { closedGroupMessages: 0, untrackedMessages: 0 };
    for (const back of [2, 3, 5]) {
      const startDate = hour - back * 3_600_000;
      const row = { startDate, endDate: startDate + 3_600_000, ...counts, ...rest };
      await server.dataSource.getRepository(StatisticsHour).save(row);
    }
    await page.getByRole('button', { name: 'Refresh' }).click();
    await vi.waitUntil(async () => (await messagesTotal(page)) === '10', EVENTUALLY);
    expect(await page.locator('#messages .plot').getAttribute('aria-label')).toMatch(/one for each hour:.* 4 bars/);
    expect(await page.locator('#messages .readout').textContent()).toBe('One bar for each hour.');
    await shoot(page, 'day-by-hour');
    expect(complaints).toEqual([]);
  });

  it('shows the days that were chosen, and the same after a reload', async () => {
    const { page, complaints } = await visit();
    await page.getByRole('radio', { name: 'Custom' }).check();
    const day = (index: number) => new Date(stored.at(index)?.startDate ?? 0).toISOString().slice(0, 10);
    const [from, to] = [day(10), day(20)];
    await page.getByLabel('From', { exact: true }).fill(from);
    await page.getByLabel('to', { exact: true }).fill(to);
    const chosen = stored.filter(({ startDate }) => {
      const begins = new Date(startDate).toISOString().slice(0, 10);
      return begins >= from && begins <= to;
    });
    await vi.waitUntil(async () => (await messagesTotal(page)) === total(chosen), EVENTUALLY);
    await page.reload({ waitUntil: 'networkidle' });
    await vi.waitUntil(() => isFilled(page), EVENTUALLY);
    expect(await messagesTotal(page)).toBe(total(chosen));
    await page.getByLabel('From', { exact: true }).fill('2001-01-01');
    await page.getByLabel('to', { exact: true }).fill('2001-01-31');
    await vi.waitUntil(
      () => page.locator('#messages').getByText('Nothing was counted in this time.').isVisible(),
      EVENTUALLY,
    );
    expect(await page.locator('#messages .plot').isVisible()).toBe(false);
    expect(complaints).toEqual([]);
  });

  it('says that a range ends before it begins', async () => {
    const { page } = await visit({}, '/statistics#range=custom&from=2026-03-02&to=2026-03-01');
    const problem = page.getByText('The first day is after the last one.');
    expect(await problem.isVisible()).toBe(true);
    await page.getByLabel('to', { exact: true }).fill('2026-03-03');
    expect(await problem.isVisible()).toBe(false);
  });

  it('sums three years up to bars that can be seen', async () => {
    stored = await storeTraffic(suite.server.dataSource, 2200);
    const { page, complaints } = await visit({ locale: 'en-GB' }, '/statistics#range=all');
    expect(await messagesTotal(page)).toBe(total(stored));
    expect(await page.locator('#messages .readout').textContent()).toBe('One bar for each week.');
    await vi.waitUntil(() => isDrawn(page), EVENTUALLY);
    await shoot(page, 'three-years');
    expect(complaints).toEqual([]);
  });

  it.each(['light', 'dark'] as const)('is readable on a phone in the %s', async (colorScheme) => {
    const { page, complaints } = await visit({ ...PHONE, colorScheme }, '/statistics#range=custom');
    const brightness = await page.evaluate<number>(
      'Math.max(...getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number))',
    );
    expect(brightness > 128).toBe(colorScheme === 'light');
    await vi.waitUntil(() => isDrawn(page), EVENTUALLY);
    for (const summary of await page.getByText('As a table').all()) await summary.click();
    expect(await overflow(page)).toBeLessThanOrEqual(0);
    for (const control of await page.locator('button, .ranges label, input[type=date], .check').all()) {
      expect(Math.round((await control.boundingBox())?.height ?? 0)).toBeGreaterThanOrEqual(36);
    }
    await shoot(page, `phone-${colorScheme}`);
    expect(complaints).toEqual([]);
  });

  it('changes its colours with the system', async () => {
    const { page } = await visit({ colorScheme: 'light' });
    await page.emulateMedia({ colorScheme: 'dark' });
    await vi.waitFor(async () => expect(await isDrawn(page)).toBe(true), EVENTUALLY);
    await shoot(page, 'wide-dark');
  });

  it('refreshes by itself while it is live, and not otherwise', async () => {
    const watched = await browser.open({ locale: 'en-GB', timezoneId: 'UTC' });
    open.push(watched);
    const { page, requested } = watched;
    await page.clock.install();
    await page.goto(`${suite.server.url}/statistics`, { waitUntil: 'networkidle' });
    await vi.waitUntil(() => isFilled(page), EVENTUALLY);
    const asked = (path: string) => requested.filter((address) => address.includes(path)).length;
    const [statuses, ranges] = [asked('/statistics/status'), asked('/statistics/data')];
    await page.clock.runFor(11_000);
    await vi.waitUntil(() => asked('/statistics/status') > statuses, EVENTUALLY);
    for (let minute = 0; minute < 7; minute++) await page.clock.runFor(10_000);
    await vi.waitUntil(() => asked('/statistics/data') > ranges, EVENTUALLY);
    await page.waitForLoadState('networkidle');
    await page.getByRole('checkbox', { name: 'Live' }).uncheck();
    const before = requested.length;
    await page.clock.runFor(120_000);
    expect(requested).toHaveLength(before);
  });

  it('says that the server cannot be reached, keeps what it shows, and recovers', async () => {
    const { page, context } = await visit();
    const alert = page.getByRole('alert');
    expect(await alert.isVisible()).toBe(false);
    await context.setOffline(true);
    await page.getByRole('button', { name: 'Refresh' }).click();
    await vi.waitUntil(() => alert.isVisible(), EVENTUALLY);
    expect(await alert.textContent()).toMatch(/^The server cannot be reached. What is shown is from \d\d:\d\d:\d\d\.$/);
    expect(await messagesTotal(page)).toBe(total(stored.slice(-WEEK)));
    expect(await page.locator('#overall').textContent()).toBe('Not known');
    await shoot(page, 'unreachable');
    await context.setOffline(false);
    await page.getByRole('button', { name: 'Refresh' }).click();
    await vi.waitUntil(async () => !(await alert.isVisible()), EVENTUALLY);
    expect(await page.locator('#overall').textContent()).toBe('Working');
  });

  it.each([
    [401, /does not accept the name and password/],
    [404, /no operator/],
    [500, /answers with an error \(HTTP 500\)/],
  ])('explains an answer of %i', async (status, words) => {
    const { page, context } = await visit();
    await context.route('**/statistics/status', (route) => route.fulfill({ status, body: '{}' }));
    await page.getByRole('button', { name: 'Refresh' }).click();
    await vi.waitUntil(() => page.getByRole('alert').isVisible(), EVENTUALLY);
    expect(await page.getByRole('alert').textContent()).toMatch(words);
  });

  it('shows a server that has nothing to show', async () => {
    await clearTraffic(suite.server.dataSource);
    const { page, complaints } = await visit();
    expect(await page.getByText('Nothing was counted in this time.').count()).toBe(2);
    expect(await page.locator('#queue').textContent()).toBe('Nothing waits.');
    expect(await page.locator('#overall').textContent()).toBe('Working');
    expect(complaints).toEqual([]);
  });

  it('describes the endpoints at /docs, on a phone too', async () => {
    const { page, complaints, requested } = await visit(PHONE, '/docs');
    const paths = await page.locator('article h2 code').allTextContents();
    expect(paths).toContain('/statistics/data');
    expect(paths).toContain('/get_statistics_data');
    expect(await page.getByRole('region', { name: 'For apps' }).textContent()).toContain('POST /oxen/v4/lsrpc');
    const status = page.locator('article').filter({ hasText: 'GET /statistics/status' });
    await status.getByText('Example of 200').click();
    expect(await status.locator('pre').first().textContent()).toContain('"oldestAgeSeconds": 40.5');
    expect(await page.getByText('StatisticsData').count()).toBeGreaterThan(0);
    expect(await overflow(page)).toBeLessThanOrEqual(0);
    await page
      .locator('article')
      .filter({ hasText: 'GET /statistics/data' })
      .getByRole('link', { name: 'StatisticsData' })
      .click();
    expect(await page.locator('#schema-StatisticsData pre').isVisible()).toBe(true);
    await shoot(page, 'docs');
    await page.getByRole('link', { name: 'Statistics', exact: true }).click();
    await page.waitForURL('**/statistics');
    expect(requested.filter((address) => !address.startsWith(`${suite.server.url}/`))).toEqual([]);
    expect(complaints).toEqual([]);
  });
});
