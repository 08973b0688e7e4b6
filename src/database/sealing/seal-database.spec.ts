import Database from 'better-sqlite3';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { CLI } from '../../config/cli-name.js';
import { insertRows } from '../../../test/support/insert-rows.js';
import { rawBytes } from '../../../test/support/raw-storage.js';
import { useSqliteDatabase } from '../../../test/support/test-data-source.js';
import { bindDevice, isBound } from '../../sealing/bound-device.js';
import { boxPlace, formerKeyCheckOf } from '../../sealing/sealing.protocol.js';
import { KeyedSealing } from '../../sealing/sealing.js';
import { MIGRATIONS } from '../database-options.js';
import { openSealing } from './open-sealing.js';
import { needsSealing, sealDatabase } from './seal-database.js';
import { readSealingState } from './sealing-state.js';

const folder = mkdtempSync(join(tmpdir(), 'spns-sealing-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('sealDatabase', () => {
  const database = useSqliteDatabase();
  const key = randomBytes(32);
  const sealing = new KeyedSealing(key);
  let file: string;
  let told: number[];
  let made: string[];

  const seal = (keyFile: string | null = file) =>
    sealDatabase(
      database.dataSource,
      keyFile,
      (rows) => {
        told.push(rows);
        return { advance: (done) => told.push(-done), finish: () => undefined };
      },
      (path) => made.push(path),
    );
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
    made = [];
  });

  it('seals what each table holds, and nothing twice', async () => {
    await insertRows(database, 'devices', [device('t1', '05a', 7), device(sealing.token('t2'), sealing.id('05b'))]);
    await insertRows(database, 'suspect_tokens', [['t1', 'apns', 'Gone', 5, 6]]);
    await insertRows(database, 'closed_groups', [['g1', 9]]);
    await insertRows(database, 'closed_group_members', [
      ['g1', '05a'],
      ['g1', '05b'],
    ]);
    await insertRows(database, 'queued_notifications', [
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
    await insertRows(database, 'subscriptions', [subscription('t1', null), subscription('t2', info)]);
    await insertRows(database, 'ended_subscriptions', [['fingerprint', 9]]);
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

  /** The ids of devices, and whether the server takes each for one that it wrote. */
  const boundDevices = async (used: KeyedSealing = sealing) =>
    (
      await rows<{ token: string; session_id: string; device_type: string; binding: string | null }>(
        'SELECT * FROM devices ORDER BY registered_at',
      )
    ).map((row) =>
      isBound(used, { token: row.token, sessionId: row.session_id, deviceType: row.device_type }, row.binding),
    );
  const sealedDevice = (token: string, id: string, registeredAt: number) =>
    device(sealing.token(token), sealing.id(id), registeredAt);
  /** As a version left it that did not bind rows. */
  const makeFormer = () => database.dataSource.query('UPDATE sealing SET key_check = ?', [formerKeyCheckOf([key])]);

  it('binds each device to its row', async () => {
    await insertRows(database, 'devices', [device('t1', '05a', 1), device('t2', '05b', 2)]);
    await seal();
    expect(await boundDevices()).toEqual([true, true]);
    await database.dataSource.query('UPDATE devices SET session_id = ? WHERE token = ?', [
      sealing.id('05b'),
      sealing.token('t1'),
    ]);
    expect(await boundDevices()).toEqual([false, true]);
  });

  it('binds, once, what an earlier version sealed and did not bind', async () => {
    await seal();
    const old = Array.from({ length: 10_001 }, (_, index) => sealedDevice(`t${index}`, `05${index}`, index));
    await insertRows(database, 'devices', old);
    await makeFormer();
    await expect(openSealing(database.dataSource, file)).rejects.toThrow(`${CLI} migrate`);
    told = [];
    await seal();
    expect(told).toEqual([10_001, -10_000, -1]);
    expect(new Set(await boundDevices())).toEqual(new Set([true]));
    expect(await openSealing(database.dataSource, file)).toMatchObject({ isOn: true });
    told = [];
    await seal();
    expect(told).toEqual([]);
  });

  it('goes on where binding was broken off', async () => {
    await seal();
    const old = Array.from({ length: 10_001 }, (_, index) => sealedDevice(`t${index}`, `05${index}`, index));
    await insertRows(database, 'devices', old);
    await makeFormer();
    const breakOff = () =>
      sealDatabase(database.dataSource, file, () => ({
        advance: () => {
          throw new Error('killed');
        },
        finish: () => undefined,
      }));
    await expect(breakOff()).rejects.toThrow('killed');
    await seal();
    expect(told.slice(-2)).toEqual([1, -1]);
    expect(new Set(await boundDevices())).toEqual(new Set([true]));
  });

  it('does not bind what somebody put into a database whose rows are bound', async () => {
    await seal();
    await insertRows(database, 'devices', [sealedDevice('t1', '05a', 1)]);
    await insertRows(database, 'devices', [device('known', sealing.id('05a'), 2)]);
    await insertRows(database, 'devices', [device(sealing.token('t2'), '05known', 3)]);
    await seal();
    // Nor after all state is gone, for which nobody needs the key.
    await database.dataSource.query('DELETE FROM sealing');
    await seal();
    expect(await boundDevices()).toEqual([false, false, false]);
  });

  it('binds what is sealed anew because of its spelling', async () => {
    await seal();
    await insertRows(database, 'devices', [sealedDevice('AB', '05a', 1), sealedDevice('cd', '05b', 2)]);
    await database.dataSource.query('UPDATE devices SET binding = ? WHERE registered_at = 1', [
      bindDevice(sealing, { token: sealing.token('AB'), sessionId: sealing.id('05a'), deviceType: 'ios' }),
    ]);
    await database.dataSource.query('UPDATE sealing SET converting = 1');
    await seal();
    expect(await rows('SELECT token FROM devices ORDER BY registered_at')).toEqual(
      ['ab', 'cd'].map((token) => ({ token: sealing.token(token) })),
    );
    expect(await boundDevices()).toEqual([true, false]);
  });

  it('goes page by page, with a group of members on several pages', async () => {
    const members = Array.from({ length: 22_345 }, (_, index) => [index < 22_000 ? 'g1' : `h${index}`, `05${index}`]);
    await insertRows(database, 'closed_group_members', members);
    await seal();
    expect(told).toEqual([22_345, -10_000, -10_000, -2345]);
    const stored = await rows<{ group_id: string; session_id: string }>('SELECT * FROM closed_group_members');
    const expected = members.map(([group = '', id = '']) => `${sealing.id(group)}${sealing.id(id)}`);
    expect(stored.map((row) => row.group_id + row.session_id).toSorted()).toEqual(expected.toSorted());
  });

  it('leaves no plain text in the files, the write-ahead log included', async () => {
    const ids = Array.from({ length: 5000 }, () => `05${randomBytes(32).toString('hex')}`);
    await insertRows(
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
    await insertRows(database, 'devices', [device('a-plain-token', '05a')]);
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
    await insertRows(database, 'queued_notifications', [queued('1', targets)]);
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
    await insertRows(database, 'devices', [device(sealing.token('t1'), sealing.id('05a'), 1)]);
    expect(await needsSealing(database.dataSource, file)).toBe(false);
    await insertRows(database, 'devices', [device('t1', '05b', 2)]);
    expect(await needsSealing(database.dataSource, file)).toBe(true);
    await seal();
    expect(await rows('SELECT token, session_id, registered_at FROM devices')).toEqual([
      { token: sealing.token('t1'), session_id: sealing.id('05b'), registered_at: 2 },
    ]);
  });

  it('prefers what was registered since with the key to what a server without it left', async () => {
    await seal();
    await insertRows(database, 'devices', [
      device(sealing.token('t1'), sealing.id('05new'), 1000),
      device('t1', '05old', 5),
    ]);
    await seal();
    expect(await rows('SELECT session_id, registered_at FROM devices')).toEqual([
      { session_id: sealing.id('05new'), registered_at: 1000 },
    ]);
  });

  it('makes the key when there is none and tells it once, and never for a database that is sealed', async () => {
    rmSync(file);
    await seal();
    await seal();
    expect(existsSync(file)).toBe(true);
    expect(made).toEqual([file]);
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
    await insertRows(database, 'devices', [device('t1', '05a')]);
    expect(await seal(null)).toMatchObject({ isOn: false });
    expect(await openSealing(database.dataSource, null)).toMatchObject({ isOn: false });
    expect(await readSealingState(database.dataSource)).toBeNull();
    await expect(openSealing(database.dataSource, file)).rejects.toThrow(`${CLI} migrate`);
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
