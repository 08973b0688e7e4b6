import Database from 'better-sqlite3';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { CLI } from '../../config/cli-name.js';
import { rawBytes } from '../../../test/support/raw-storage.js';
import { type TestDatabase, useSqliteDatabase } from '../../../test/support/test-data-source.js';
import { boxPlace } from '../../sealing/sealing.protocol.js';
import { KeyedSealing } from '../../sealing/sealing.js';
import { MIGRATIONS } from '../database-options.js';
import { inPowersOfTwo } from '../statement-sizes.js';
import { openSealing } from './open-sealing.js';
import { needsSealing, sealDatabase } from './seal-database.js';
import { readSealingState } from './sealing-state.js';

const folder = mkdtempSync(join(tmpdir(), 'spns-sealing-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Rows of `table`, in the order of its first columns; the others are left as they are without anybody's doing. */
async function insert({ writer }: TestDatabase, table: string, rows: readonly (readonly unknown[])[]): Promise<void> {
  await writer.write(async (manager) => {
    const columns = await manager.query<{ name: string }[]>(`SELECT name FROM pragma_table_info('${table}')`);
    const names = columns.map(({ name }) => name).slice(0, rows[0]?.length);
    for (const some of inPowersOfTwo(rows)) {
      const values = some.map((row) => `(${row.map(() => '?').join(', ')})`).join(', ');
      await manager.query(`INSERT INTO ${table} (${names.join(', ')}) VALUES ${values}`, some.flat());
    }
  });
}

describe('sealDatabase', () => {
  const database = useSqliteDatabase();
  const key = randomBytes(32);
  const sealing = new KeyedSealing(key);
  let file: string;
  let told: number[];

  const seal = (keyFile: string | null = file) =>
    sealDatabase(database.dataSource, keyFile, (rows) => {
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
    writeFileSync(file, key);
    told = [];
  });

  it('seals what each table holds, and nothing twice', async () => {
    await insert(database, 'devices', [device('t1', '05a', 7), device(sealing.token('t2'), sealing.id('05b'))]);
    await insert(database, 'suspect_tokens', [['t1', 'apns', 'Gone', 5, 6]]);
    await insert(database, 'closed_groups', [['g1', 9]]);
    await insert(database, 'closed_group_members', [
      ['g1', '05a'],
      ['g1', '05b'],
    ]);
    await insert(database, 'queued_notifications', [
      queued('1', null),
      queued('2', [{ token: 't1', registeredAt: 7, apnsEnvironment: 'sandbox' }]),
    ]);
    expect(await seal()).toMatchObject({ isOn: true });
    expect(told).toEqual([7, -1, -1, -1, -2, -2]);
    expect(await rows('SELECT * FROM devices ORDER BY registered_at')).toMatchObject([
      { token: sealing.token('t2'), session_id: sealing.id('05b') },
      { token: sealing.token('t1'), session_id: sealing.id('05a'), device_type: 'ios', registered_at: 7 },
    ]);
    expect(await rows('SELECT * FROM suspect_tokens')).toEqual([
      { token: sealing.token('t1'), provider: 'apns', reason: 'Gone', registered_at: 5, suspected_at: 6 },
    ]);
    expect(await rows('SELECT * FROM closed_groups')).toEqual([{ group_id: sealing.id('g1'), changed_at: 9 }]);
    expect((await rows('SELECT * FROM closed_group_members')).length).toBe(2);
    expect(await rows('SELECT * FROM closed_group_members')).toContainEqual({
      group_id: sealing.id('g1'),
      session_id: sealing.id('05b'),
      deviceless_since: null,
    });
    const targets = [{ token: sealing.token('t1'), registeredAt: 7, apnsEnvironment: 'sandbox' }];
    expect(await rows('SELECT recipient, targets, data FROM queued_notifications ORDER BY id')).toEqual([
      { recipient: sealing.id('051'), targets: null, data: 'data' },
      { recipient: sealing.id('052'), targets: JSON.stringify(targets), data: 'data' },
    ]);
    told = [];
    await seal();
    expect(told).toEqual([]);
  });

  it('seals subscriptions: whom and what they name so that it can be found, the rest in boxes', async () => {
    const account = '05'.padEnd(66, 'ab');
    const [credentials, encKey, info] = [randomBytes(96), randomBytes(32), randomBytes(20)];
    const subscription = (token: string, serviceInfo: Buffer | null) => [
      ...[account, 'firebase', token, 'owner', 7, '-10,0', 1, 1_800_000_000],
      ...[credentials, encKey, serviceInfo, 5, null],
    ];
    await insert(database, 'subscriptions', [subscription('t1', null), subscription('t2', info)]);
    await insert(database, 'ended_subscriptions', [['fingerprint', 9]]);
    await seal();
    expect(told).toEqual([3, -2, -1]);
    const key = { account: sealing.account(account), service: 'firebase', token: sealing.token('t2') };
    const stored = await rows<Record<string, unknown>>('SELECT * FROM subscriptions');
    const row = stored.find(({ token }) => token === key.token);
    expect(row).toMatchObject({
      ...{ ...key, signer: sealing.id('owner'), swarm_place: 7, namespaces: '-10,0', wants_data: 1 },
      ...{ sig_ts: 1_800_000_000, registered_at: 5, accepted_at: null },
    });
    const open = (column: string) => {
      const place = boxPlace('subscriptions', column, [key.account, key.service, key.token]);
      return sealing.openBox(row?.[column] as Buffer, place);
    };
    expect([open('credentials'), open('enc_key'), open('service_info')]).toEqual([credentials, encKey, info]);
    expect(stored.find(({ token }) => token === sealing.token('t1'))).toMatchObject({ service_info: null });
    expect(await rows('SELECT * FROM ended_subscriptions')).toEqual([
      { fingerprint: sealing.id('fingerprint'), sig_ts: 9 },
    ]);
    expect(await needsSealing(database.dataSource, file)).toBe(false);
  });

  it('goes page by page, with a group of members on several pages', async () => {
    const members = Array.from({ length: 22_345 }, (_, index) => [index < 22_000 ? 'g1' : `h${index}`, `05${index}`]);
    await insert(database, 'closed_group_members', members);
    await seal();
    expect(told).toEqual([22_345, -10_000, -10_000, -2345]);
    const stored = await rows<{ group_id: string; session_id: string }>('SELECT * FROM closed_group_members');
    const expected = members.map(([group = '', id = '']) => `${sealing.id(group)}${sealing.id(id)}`);
    expect(stored.map((row) => row.group_id + row.session_id).toSorted()).toEqual(expected.toSorted());
  });

  it('leaves no plain text in the files, the write-ahead log included', async () => {
    const ids = Array.from({ length: 5000 }, () => `05${randomBytes(32).toString('hex')}`);
    await insert(
      database,
      'devices',
      ids.map((id) => device(`token-of-${id}`, id)),
    );
    const url = `sqlite:${String(database.dataSource.options.database)}`;
    const found = async () => {
      const bytes = await rawBytes(url);
      return ids.filter((id) => bytes.includes(id)).length;
    };
    expect(await found()).toBe(5000);
    await seal();
    expect(await found()).toBe(0);
  });

  it('says so when the plain text cannot be removed yet, and does it at the next start', async () => {
    await insert(database, 'devices', [device('a-plain-token', '05a')]);
    const reader = new Database(String(database.dataSource.options.database));
    reader.exec('BEGIN; SELECT COUNT(*) FROM devices');
    await expect(seal()).rejects.toThrow('another program has the database open');
    expect(await readSealingState(database.dataSource)).toMatchObject({ converting: true });
    reader.close();
    await seal();
    expect(await readSealingState(database.dataSource)).toMatchObject({ converting: false });
  });

  it('divides a list of devices that is too long for its column when it is sealed', async () => {
    const targets = Array.from({ length: 700 }, (_, index) => ({
      ...{ token: `${index}`.padEnd(40, 'x'), registeredAt: index, apnsEnvironment: null },
    }));
    await insert(database, 'queued_notifications', [queued('1', targets)]);
    await seal();
    const stored = await rows<Record<string, string>>(
      'SELECT notification_id, lane, recipient, data, attempts, targets FROM queued_notifications ORDER BY id',
    );
    const { targets: _, ...others } = stored[0] ?? {};
    expect(others).toEqual({
      ...{ notification_id: 'n-1', lane: 'fcm', recipient: sealing.id('051'), data: 'data', attempts: 4 },
    });
    expect(stored.length).toBeGreaterThan(1);
    for (const row of stored) {
      expect(row).toMatchObject(others);
      expect(row['targets']?.length).toBeLessThan(60_001);
    }
    const all = stored.flatMap((row) => JSON.parse(row['targets'] ?? '') as { token: string }[]);
    expect(all.map(({ token }) => sealing.open(token) ?? '').toSorted()).toEqual(
      targets.map(({ token }) => token).toSorted(),
    );
  });

  it('finds what a server without the key wrote since', async () => {
    await seal();
    await insert(database, 'devices', [device(sealing.token('t1'), sealing.id('05a'), 1)]);
    expect(await needsSealing(database.dataSource, file)).toBe(false);
    await insert(database, 'devices', [device('t1', '05b', 2)]);
    expect(await needsSealing(database.dataSource, file)).toBe(true);
    await seal();
    expect(await rows('SELECT token, session_id, registered_at FROM devices')).toEqual([
      { token: sealing.token('t1'), session_id: sealing.id('05b'), registered_at: 2 },
    ]);
  });

  it('prefers what was registered since with the key to what a server without it left', async () => {
    await seal();
    await insert(database, 'devices', [
      device(sealing.token('t1'), sealing.id('05new'), 1000),
      device('t1', '05old', 5),
    ]);
    await seal();
    expect(await rows('SELECT session_id, registered_at FROM devices')).toEqual([
      { session_id: sealing.id('05new'), registered_at: 1000 },
    ]);
  });

  it('makes the key when there is none, and never for a database that is sealed', async () => {
    rmSync(file);
    await seal();
    expect(existsSync(file)).toBe(true);
    rmSync(file);
    await expect(seal()).rejects.toThrow(`There is no file ${file}, and the database is sealed`);
    await expect(openSealing(database.dataSource, file)).rejects.toThrow(`There is no file ${file}`);
    expect(existsSync(file)).toBe(false);
  });

  it('refuses another key, and none', async () => {
    await seal();
    const other = join(folder, 'other');
    writeFileSync(other, randomBytes(32));
    for (const open of [seal, (keyFile: string | null) => openSealing(database.dataSource, keyFile)]) {
      await expect(open(other)).rejects.toThrow(`sealed with another key than the one in ${other}`);
      await expect(open(null)).rejects.toThrow('The database is sealed: set DATA_KEY_FILE');
    }
    expect(await openSealing(database.dataSource, file)).toMatchObject({ isOn: true });
  });

  it('does nothing without a key', async () => {
    await insert(database, 'devices', [device('t1', '05a')]);
    expect(await seal(null)).toMatchObject({ isOn: false });
    expect(await openSealing(database.dataSource, null)).toMatchObject({ isOn: false });
    expect(await readSealingState(database.dataSource)).toBeNull();
    await expect(openSealing(database.dataSource, file)).rejects.toThrow(`${CLI} migrate`);
  });

  describe('with a later key', () => {
    const laterKeys = [randomBytes(32), randomBytes(32)] as const;
    const second = new KeyedSealing(key, laterKeys[0]);
    const third = new KeyedSealing(key, ...laterKeys);
    const hold = (...keys: Buffer[]) => writeFileSync(file, keys.map((one) => `${one.toString('hex')}\n`).join(''));
    const rotate = () => hold(key, laterKeys[0]);

    it('carries over what each table holds, and nothing twice', async () => {
      await insert(database, 'devices', [device('t1', '05a', 7), device('t2', '05b', 8)]);
      await insert(database, 'suspect_tokens', [['t1', 'apns', 'Gone', 5, 6]]);
      await insert(database, 'closed_groups', [['g1', 9]]);
      await insert(database, 'closed_group_members', [['g1', '05a']]);
      await insert(database, 'ended_subscriptions', [['fingerprint', 9]]);
      await insert(database, 'queued_notifications', [
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
      await insert(database, 'devices', [
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
      await insert(database, 'subscriptions', [subscription('t1'), subscription('t2')]);
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

    it('comes to an end with a token that nobody can open', async () => {
      await seal();
      await insert(database, 'devices', [device(' damaged', sealing.id('05a'))]);
      rotate();
      await seal();
      expect(await rows('SELECT token, session_id FROM devices')).toEqual([
        { token: ' ,damaged', session_id: second.id('05a') },
      ]);
      expect(await needsSealing(database.dataSource, file)).toBe(false);
    });

    it('goes on where it was broken off, and until then neither key is enough', async () => {
      const ids = Array.from({ length: 25_000 }, (_, index) => `05${index}`);
      await insert(
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
      await insert(
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

  it('cannot be taken back by an older version', async () => {
    await seal();
    const undoAll = async () => {
      for (const _ of MIGRATIONS) await database.dataSource.undoLastMigration();
    };
    await expect(undoAll()).rejects.toThrow('Ids and tokens are sealed');
    await database.dataSource.runMigrations();
  });
});
