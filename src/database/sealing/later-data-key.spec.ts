import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { insertRows } from '../../../test/support/insert-rows.js';
import { rawBytes } from '../../../test/support/raw-storage.js';
import { useSqliteDatabase } from '../../../test/support/test-data-source.js';
import { CLI } from '../../config/cli-name.js';
import { isBound } from '../../sealing/bound-device.js';
import { boxPlace, formerKeyCheckOf } from '../../sealing/sealing.protocol.js';
import { KeyedSealing } from '../../sealing/sealing.js';
import { openSealing } from './open-sealing.js';
import { needsSealing, sealDatabase } from './seal-database.js';

const folder = mkdtempSync(join(tmpdir(), 'spns-later-key-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('sealDatabase with a later key', () => {
  const database = useSqliteDatabase();
  const key = randomBytes(32);
  const sealing = new KeyedSealing(key);
  const laterKeys = [randomBytes(32), randomBytes(32)] as const;
  const second = new KeyedSealing(key, laterKeys[0]);
  const third = new KeyedSealing(key, ...laterKeys);
  const hold = (...keys: Buffer[]) => writeFileSync(file, keys.map((one) => `${one.toString('hex')}\n`).join(''));
  const rotate = () => hold(key, laterKeys[0]);
  let file: string;
  let told: number[];

  const seal = () =>
    sealDatabase(database.dataSource, file, (rows) => {
      told.push(rows);
      return { advance: (done) => told.push(-done), finish: () => undefined };
    });
  const rows = <Row>(statement: string): Promise<Row[]> => database.dataSource.query<Row[]>(statement);
  const device = (token: string, id: string, registeredAt = 1) => [token, id, 'ios', 0, registeredAt, null];
  const queued = (id: string, targets: unknown) => [
    ...[id, `n-${id}`, 'fcm', 0, 1, 2, 3, 4, `05${id}`, 'data'],
    targets === null ? null : JSON.stringify(targets),
  ];

  beforeEach(() => {
    file = join(folder, randomBytes(8).toString('hex'));
    hold(key);
    told = [];
  });

  it('carries over what each table holds, and nothing twice', async () => {
    await insertRows(database, 'devices', [device('t1', '05a', 7), device('t2', '05b', 8)]);
    await insertRows(database, 'suspect_tokens', [['t1', 'apns', 'Gone', 5, 6]]);
    await insertRows(database, 'closed_groups', [['g1', 9]]);
    await insertRows(database, 'closed_group_members', [['g1', '05a']]);
    await insertRows(database, 'ended_subscriptions', [['fingerprint', 9]]);
    await insertRows(database, 'queued_notifications', [
      queued('1', null),
      queued('2', [{ token: 't1', registeredAt: 7, apnsEnvironment: 'sandbox', serviceInfo: 'info' }]),
    ]);
    await database.dataSource.query("UPDATE queued_notifications SET page_cursor = '05z' WHERE id = '1'");
    await seal();
    told = [];
    rotate();
    expect(await needsSealing(database.dataSource, file)).toBe(true);
    expect(await seal()).toMatchObject({ generation: 2 });
    expect(told).toEqual([8, -2, -1, -1, -1, -1, -2]);
    expect(await rows('SELECT token, session_id, registered_at FROM devices ORDER BY registered_at')).toEqual([
      { token: second.token('t1'), session_id: second.id('05a'), registered_at: 7 },
      { token: second.token('t2'), session_id: second.id('05b'), registered_at: 8 },
    ]);
    expect(await rows('SELECT token, suspected_at FROM suspect_tokens')).toEqual([
      { token: second.token('t1'), suspected_at: 6 },
    ]);
    expect(await rows('SELECT * FROM closed_groups')).toEqual([{ group_id: second.id('g1'), changed_at: 9 }]);
    expect(await rows('SELECT group_id, session_id FROM closed_group_members')).toEqual([
      { group_id: second.id('g1'), session_id: second.id('05a') },
    ]);
    expect(await rows('SELECT * FROM ended_subscriptions')).toEqual([
      { fingerprint: second.id('fingerprint'), sig_ts: 9 },
    ]);
    const targets = [
      { token: second.token('t1'), registeredAt: 7, apnsEnvironment: 'sandbox', serviceInfo: second.token('info') },
    ];
    expect(await rows('SELECT recipient, targets, page_cursor FROM queued_notifications ORDER BY id')).toEqual([
      { recipient: second.id('051'), targets: null, page_cursor: '' },
      { recipient: second.id('052'), targets: JSON.stringify(targets), page_cursor: null },
    ]);
    told = [];
    await seal();
    expect(told).toEqual([]);
  });

  it('takes plain rows and those of each earlier key to the same, the newest of which stays', async () => {
    await seal();
    await insertRows(database, 'devices', [
      device('t1', '05a', 1),
      device(sealing.token('t1'), sealing.id('05b'), 3),
      device(second.token('t1'), second.id('05c'), 2),
      device(sealing.token('t2'), sealing.id('05d'), 4),
      device(second.token('t3'), second.id('05e'), 5),
      device('t4', '05f', 6),
    ]);
    hold(key, ...laterKeys);
    await seal();
    expect(await rows('SELECT token, session_id FROM devices ORDER BY registered_at')).toEqual(
      [
        ['t1', '05b'],
        ['t2', '05d'],
        ['t3', '05e'],
        ['t4', '05f'],
      ].map(([token = '', id = '']) => ({ token: third.token(token), session_id: third.id(id) })),
    );
    expect(await needsSealing(database.dataSource, file)).toBe(false);
  });

  it('carries boxes over to the new place of their row, and leaves those that are damaged', async () => {
    const account = '05'.padEnd(66, 'ab');
    const [credentials, encKey] = [randomBytes(96), randomBytes(32)];
    const subscription = (token: string) => [
      ...[account, 'firebase', token, 'owner', 7, '-10,0', 1, 1_800_000_000],
      ...[credentials, encKey, null, 5, null],
    ];
    await insertRows(database, 'subscriptions', [subscription('t1'), subscription('t2')]);
    await seal();
    const damaged = randomBytes(80);
    await database.dataSource.query('UPDATE subscriptions SET credentials = ? WHERE token = ?', [
      damaged,
      sealing.token('t2'),
    ]);
    rotate();
    await seal();
    const stored = await rows<Record<string, unknown>>('SELECT * FROM subscriptions');
    const opened = (token: string, column: string) => {
      const row = stored.find((each) => each['token'] === second.token(token));
      expect(row).toMatchObject({ account: second.account(account), signer: second.id('owner'), service_info: null });
      const place = boxPlace('subscriptions', column, [second.account(account), 'firebase', second.token(token)]);
      return second.openBox(row?.[column] as Buffer, place);
    };
    expect([opened('t1', 'credentials'), opened('t1', 'enc_key')]).toEqual([credentials, encKey]);
    expect([opened('t2', 'credentials'), opened('t2', 'enc_key')]).toEqual([null, encKey]);
  });

  it('carries over which devices are bound to their rows, and makes nothing good that was moved', async () => {
    await insertRows(database, 'devices', [device('t1', '05a', 1), device('t2', '05b', 2), device('t3', '05c', 3)]);
    await seal();
    const change = (set: string, value: string | null, token: string) =>
      database.dataSource.query(`UPDATE devices SET ${set} = ? WHERE token = ?`, [value, sealing.token(token)]);
    await change('session_id', sealing.id('05a'), 't2');
    await change('binding', null, 't3');
    rotate();
    await seal();
    const stored = await rows<{ token: string; session_id: string; device_type: string; binding: string | null }>(
      'SELECT * FROM devices ORDER BY registered_at',
    );
    const bound = stored.map(({ token, session_id: sessionId, device_type: deviceType, binding }) =>
      isBound(second, { token, sessionId, deviceType }, binding),
    );
    expect(stored.map(({ session_id }) => session_id)).toEqual(['05a', '05a', '05c'].map((id) => second.id(id)));
    expect(bound).toEqual([true, false, false]);
  });

  it('binds what an earlier version sealed with the earlier key, and nothing of a later one', async () => {
    await seal();
    const sealed = (used: KeyedSealing, token: string, id: string, at: number) =>
      device(used.token(token), used.id(id), at);
    await insertRows(database, 'devices', [sealed(sealing, 't1', '05a', 1), sealed(second, 't2', '05b', 2)]);
    await database.dataSource.query('UPDATE sealing SET key_check = ?', [formerKeyCheckOf([key])]);
    rotate();
    await seal();
    const stored = await rows<{ token: string; session_id: string; device_type: string; binding: string | null }>(
      'SELECT * FROM devices ORDER BY registered_at',
    );
    const bound = stored.map(({ token, session_id: sessionId, device_type: deviceType, binding }) =>
      isBound(second, { token, sessionId, deviceType }, binding),
    );
    expect(bound).toEqual([true, false]);
  });

  it('comes to an end with a token that nobody can open', async () => {
    await seal();
    await insertRows(database, 'devices', [device(' damaged', sealing.id('05a'))]);
    rotate();
    await seal();
    expect(await rows('SELECT token, session_id FROM devices')).toEqual([
      { token: ' ,damaged', session_id: second.id('05a') },
    ]);
    expect(await needsSealing(database.dataSource, file)).toBe(false);
  });

  it('goes on where it was broken off, and until then neither key is enough', async () => {
    const ids = Array.from({ length: 25_000 }, (_, index) => `05${index}`);
    await insertRows(
      database,
      'devices',
      ids.map((id) => device(`t${id}`, id)),
    );
    await seal();
    rotate();
    const breakOff = () =>
      sealDatabase(database.dataSource, file, () => ({
        advance: () => {
          throw new Error('killed');
        },
        finish: () => undefined,
      }));
    await expect(breakOff()).rejects.toThrow('killed');
    const left = "SELECT COUNT(*) AS count FROM devices WHERE token > ' ,~'";
    expect(await rows(left)).toEqual([{ count: 15_000 }]);
    expect(await rows('SELECT * FROM sealing')).toEqual([{ key_check: second.keyCheck, converting: 1 }]);
    await expect(openSealing(database.dataSource, file)).rejects.toThrow(`${CLI} migrate`);
    hold(key);
    await expect(seal()).rejects.toThrow('lacks that line');
    rotate();
    told = [];
    await seal();
    expect(told).toEqual([15_000, -10_000, -5000]);
    const stored = await rows<{ token: string; session_id: string }>('SELECT token, session_id FROM devices');
    expect(new Set(stored.map((row) => row.token + row.session_id))).toEqual(
      new Set(ids.map((id) => second.token(`t${id}`) + second.id(id))),
    );
  });

  it('leaves nothing in the files of what the earlier one sealed', async () => {
    const ids = Array.from({ length: 5000 }, () => `05${randomBytes(32).toString('hex')}`);
    await insertRows(
      database,
      'devices',
      ids.map((id) => device(`token-of-${id}`, id)),
    );
    await seal();
    const url = `sqlite:${String(database.dataSource.options.database)}`;
    const found = async () => {
      const bytes = await rawBytes(url);
      return ids.filter((id) => bytes.includes(sealing.id(id)) || bytes.includes(sealing.token(`token-of-${id}`)))
        .length;
    };
    expect(await found()).toBe(5000);
    rotate();
    await seal();
    expect(await found()).toBe(0);
  });

  it('is refused when a line is missing, another one or in another place, and by who has fewer', async () => {
    rotate();
    await seal();
    const refusals: [Buffer[], string][] = [
      [[key], `sealed with the key in line 2 of its file, and ${file} lacks that line`],
      [[laterKeys[0]], 'lacks that line'],
      [[laterKeys[0], key], 'sealed with another key'],
      [[randomBytes(32), laterKeys[0]], 'sealed with another key'],
      [[key, randomBytes(32)], 'sealed with another key'],
    ];
    for (const [keys, message] of refusals) {
      hold(...keys);
      await expect(seal()).rejects.toThrow(message);
      await expect(openSealing(database.dataSource, file)).rejects.toThrow(message);
    }
    rotate();
    expect(await openSealing(database.dataSource, file)).toMatchObject({ generation: 2 });
  });

  it('is not used by who only looks until the database is sealed with it', async () => {
    await seal();
    rotate();
    expect(await openSealing(database.dataSource, file)).toMatchObject({ generation: 1, keyCheck: sealing.keyCheck });
    await seal();
    expect(await openSealing(database.dataSource, file)).toMatchObject({ generation: 2, keyCheck: second.keyCheck });
  });
});
