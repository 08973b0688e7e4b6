import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { formatLocalTime } from '../src/statistics/local-time.js';
import { StatisticsPeriod } from '../src/statistics/statistics-period.entity.js';
import { describeEachDatabase } from './support/databases.js';
import { newAndroidToken, newData, newHuaweiToken, newId, newIosToken } from './support/people.js';
import { OPERATOR, useServer } from './support/test-server.js';
import { askStatistics, basicAuth } from './support/statistics.js';

const HOUR = 3_600_000;
const NUMBERS = [
  'ios_pn_number',
  'android_pn_number',
  'total_message_number',
  'closed_group_message_number',
  'untracked_message_number',
  'deduplicated_1_1_message_number',
] as const;

describeEachDatabase('statistics', (databases) => {
  const suite = useServer(databases);
  const ask = (body?: unknown) => askStatistics(suite.server.url, body);
  const rowsOf = async (body?: unknown) => (await ask(body)).json.data.data;

  it('count messages of each kind and the pushes that were accepted', async () => {
    const { server, gateways } = suite;
    const [anna, ben, group, groupsOnly] = [newId(), newId(), newId(), newId()];
    const dead = newIosToken();
    await server.register(anna, newIosToken());
    await server.register(anna, newAndroidToken());
    await server.register(ben, newHuaweiToken(), 'huawei');
    await server.register(ben, dead);
    await server.send('register_legacy_groups_only', { pubKey: groupsOnly, token: newAndroidToken() });
    for (const pubKey of [anna, ben])
      await server.send('subscribe_closed_group', { closedGroupPublicKey: group, pubKey });
    gateways.apns.mark(dead, 'dead', { since: 1 });
    gateways.apns.faults.forToken(dead, { kind: 'answer', answer: { status: 400, body: '{"reason":"BadMessageId"}' } });
    const data = newData();
    await server.notify(anna, data);
    // The same once more is no message.
    await server.notify(anna, data);
    await server.notify(ben, newData());
    await server.notify(group, newData());
    await server.notify(groupsOnly, newData());
    await server.notify(newId(), newData());
    await server.idle();
    await server.restart();
    const rows = await rowsOf();
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({
      total_message_number: 5,
      deduplicated_1_1_message_number: 2,
      closed_group_message_number: 1,
      untracked_message_number: 2,
      // Anna's phone twice; Ben's dead one never.
      ios_pn_number: 2,
      // Anna's twice and Ben's Huawei twice.
      android_pn_number: 4,
    });
    expect((await ask()).json.data).toMatchObject({
      ios_device_number: 2,
      android_device_number: 3,
      total_session_id_number: 3,
    });
  });

  it('go on in the same row after a restart', async () => {
    const before = (await rowsOf())[0]?.total_message_number ?? 0;
    await suite.server.notify(newId(), newData());
    await suite.server.idle();
    await suite.server.restart();
    await suite.server.restart();
    const rows = await rowsOf();
    expect(rows).toHaveLength(1);
    expect(rows[0]?.total_message_number).toBe(before + 1);
    expect(rows[0]?.start_date).toBe(formatLocalTime(Math.floor(Date.now() / (12 * HOUR)) * 12 * HOUR));
  });

  describe('are for the operator:', () => {
    it.each([
      ['no credentials', undefined],
      ['a wrong password', basicAuth(OPERATOR.username, 'wrong')],
      ['a wrong user with the right password (fix 12)', basicAuth('somebody', OPERATOR.password)],
      ['no user', basicAuth('', OPERATOR.password)],
      ['a password that only begins right', basicAuth(OPERATOR.username, OPERATOR.password.slice(0, -1))],
      ['another scheme', 'Bearer x'],
      ['what is no base64', 'Basic %%%'],
    ])('401 with %s', async (_what, authorization) => {
      const answer = await askStatistics(suite.server.url, undefined, authorization ?? null);
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toBe('Basic realm="Authentication Required"');
    });

    it('404 when no credentials are configured', async () => {
      await suite.server.restart({ STATISTICS_USERNAME: '', STATISTICS_PASSWORD: '' });
      const answer = await askStatistics(suite.server.url, undefined, basicAuth('', ''));
      await suite.server.restart();
      expect(answer.status).toBe(404);
      expect((await ask()).status).toBe(200);
    });
  });
});

describeEachDatabase('statistics of four periods', (databases) => {
  const suite = useServer(databases);
  const day = (date: number) => new Date(2024, 0, date).getTime();
  const rowsOf = async (body: unknown) => (await askStatistics(suite.server.url, body)).json.data.data;
  const startsOf = async (body: unknown) => (await rowsOf(body)).map(({ start_date }) => start_date?.slice(0, 10));
  const fill = async () => {
    const periods = suite.server.dataSource.getRepository(StatisticsPeriod);
    if ((await periods.count()) >= 4) return;
    for (const date of [10, 11, 12, 13]) {
      const counts = { iosPushes: 1, androidPushes: 2, totalMessages: 3, closedGroupMessages: 4 };
      await periods.insert({
        startDate: day(date),
        endDate: day(date + 1),
        ...counts,
        untrackedMessages: 5,
        oneToOneMessages: 6,
      });
    }
  };

  it.each<[string, unknown, string[]]>([
    ['an empty body', undefined, ['2024-01-10', '2024-01-11', '2024-01-12', '2024-01-13']],
    ['an empty object', {}, ['2024-01-10', '2024-01-11', '2024-01-12', '2024-01-13']],
    ['start_date alone', { start_date: '2024-01-12' }, ['2024-01-12', '2024-01-13']],
    ['end_date alone (fix 12)', { end_date: '2024-01-12' }, ['2024-01-10', '2024-01-11']],
    ['both', { start_date: '2024-01-11', end_date: '2024-01-13' }, ['2024-01-11', '2024-01-12']],
    [
      'both with times',
      { start_date: '2024-01-10 00:00:01', end_date: '2024-01-13 00:00:00' },
      ['2024-01-11', '2024-01-12'],
    ],
    ['dates that fit nothing', { start_date: '2030-01-01' }, []],
    [
      'SQL as a column',
      { 'start_date; DROP TABLE statistics': 1 },
      ['2024-01-10', '2024-01-11', '2024-01-12', '2024-01-13'],
    ],
  ])('are filtered by %s', async (_what, body, expected) => {
    await fill();
    expect(await startsOf(body)).toEqual(expected);
  });

  it.each(NUMBERS)('leave %s out when it is false or 0 (fix 12)', async (column) => {
    await fill();
    for (const flag of [false, 0]) {
      const rows = await rowsOf({ [column]: flag });
      expect(rows).toHaveLength(4);
      for (const row of rows) {
        expect(Object.keys(row).toSorted()).toEqual(
          ['end_date', 'start_date', ...NUMBERS.filter((name) => name !== column)].toSorted(),
        );
      }
    }
    for (const flag of [true, 1]) expect(Object.keys((await rowsOf({ [column]: flag }))[0] ?? {})).toHaveLength(8);
  });

  it.each<[string, unknown]>([
    ['start_date', '2024-13-01'],
    ['start_date', '2024-02-30'],
    ['end_date', 'yesterday'],
    ['end_date', '2024-01-01T00:00:00Z'],
    ['start_date', 7],
    ['end_date', "2024-01-01' OR '1'='1"],
  ])('answer 400 that names %s when it is %j', async (field, value) => {
    const answer = await askStatistics(suite.server.url, { [field]: value });
    expect(answer.status).toBe(400);
    expect(answer.text).toContain(field);
    expect(answer.text).not.toContain(String(value));
  });

  it('answer 400 to what is no JSON object', async () => {
    for (const body of ['not JSON', '[]', '"text"', '7']) {
      expect((await askStatistics(suite.server.url, body)).status).toBe(400);
    }
  });
});

describeEachDatabase('a period of statistics', (databases) => {
  const periodMs = 2000;
  const suite = useServer(databases, { env: { STATISTICS_PERIOD_HOURS: String(periodMs / HOUR) } });

  /** Begins with a period, so that the start, the message and the stop are all in that one. */
  async function countOneInNextPeriod(): Promise<void> {
    await sleep(periodMs - (Date.now() % periodMs));
    await suite.server.restart();
    await suite.server.notify(newId(), newData());
    await suite.server.idle();
    await suite.server.restart();
  }

  it('begins every STATISTICS_PERIOD_HOURS', async () => {
    await countOneInNextPeriod();
    await countOneInNextPeriod();
    const { json } = await askStatistics(suite.server.url);
    const counted = json.data.data.filter(({ total_message_number: total }) => total === 1);
    expect(counted).toHaveLength(2);
    for (const row of counted) {
      const [start, end] = [row.start_date, row.end_date].map((text) => new Date(text ?? '').getTime());
      expect((start ?? 1) % periodMs).toBe(0);
      expect((end ?? Infinity) - (start ?? 0)).toBeLessThanOrEqual(periodMs);
    }
  });
});
