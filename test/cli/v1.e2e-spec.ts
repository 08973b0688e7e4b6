import Database from 'better-sqlite3';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runCommand, runForJson } from '../support/command-line.js';
import { describeOneDatabase } from '../support/databases.js';
import { newAndroidToken, newHuaweiToken, newId, newIosToken } from '../support/people.js';
import { query, type Row } from '../support/query.js';
import { inFolder, spawnServer } from '../support/spawned-server.js';
import {
  generateV1Content,
  killWriterOf,
  makeV1Database,
  readV1Database,
  V1_ADDITIONS,
  type V1Content,
  type V1Schema,
} from '../support/v1-database.js';

describeOneDatabase('import-v1', (databases) => {
  let folder: string;
  let url: string;
  let file: string;
  const options = () => ({ folder, env: { DATABASE_URL: url } });
  const importFile = (...args: string[]) => runForJson(['import-v1', file, ...args], options());
  const v1 = (content: V1Content, schema?: V1Schema) => makeV1Database(file, content, schema);
  const devices = () =>
    query(url, 'SELECT token, session_id, device_type, legacy_groups_only FROM devices ORDER BY token');
  const stored = (token: string, id: string, type: string, legacy = 0): Row => ({
    token,
    session_id: id,
    device_type: type,
    legacy_groups_only: legacy,
  });
  const sorted = (rows: Row[]): Row[] => rows.toSorted((a, b) => (String(a['token']) < String(b['token']) ? -1 : 1));

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'spns-v1-'));
  });
  beforeEach(async () => {
    await rm(join(folder, 'v1.db'), { force: true });
    file = join(folder, 'v1.db');
    url = await databases.create();
    await runCommand(['migrate'], options());
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('brings devices, groups and statistics over', async () => {
    const [ios, android, huawei, group] = [newIosToken(), newAndroidToken(), newHuaweiToken(), newId()];
    const [a, b] = [newId(), newId()];
    const before = Date.now();
    v1({
      tokens: [
        [a, ios, 'ios', 1],
        [a, android, 'android', 0],
        [b, huawei, 'huawei', 0],
      ],
      members: [
        [group, a],
        [group, b],
      ],
      statistics: [[1_700_000_000.1234, 1_700_043_200.9876, 1, 2, 3, 4, 5, null]],
    });
    expect(await importFile()).toMatchObject({
      dryRun: false,
      devices: { rows: 3, imported: 3, present: 0, skipped: {} },
      members: { rows: 2, imported: 2 },
      statistics: { rows: 1, imported: 1 },
    });
    expect(await devices()).toEqual(
      sorted([stored(ios, a, 'ios', 1), stored(android, a, 'android'), stored(huawei, b, 'huawei')]),
    );
    const [times] = await query(url, 'SELECT MIN(registered_at) AS lowest, MAX(registered_at) AS highest FROM devices');
    expect(Number(times?.['lowest'])).toBeGreaterThanOrEqual(before);
    expect(times?.['highest']).toBe(times?.['lowest']);
    expect(await query(url, 'SELECT group_id FROM closed_groups')).toEqual([{ group_id: group }]);
    expect(await query(url, 'SELECT COUNT(*) AS n FROM closed_group_members')).toEqual([{ n: 2 }]);
    expect(await query(url, 'SELECT * FROM statistics')).toEqual([
      {
        start_date: 1_700_000_000_123,
        end_date: 1_700_043_200_988,
        ios_pn_number: 1,
        android_pn_number: 2,
        // The original did not tell Huawei apart.
        huawei_pn_number: 0,
        total_message_number: 3,
        closed_group_message_number: 4,
        untracked_message_number: 5,
        deduplicated_1_1_message_number: 0,
      },
    ]);
  });

  it('reads a file of the first versions: platforms follow from the token, everybody is registered in full', async () => {
    const [ios, android, a] = [newIosToken(), newAndroidToken(), newId()];
    v1(
      {
        tokens: [
          [a, ios],
          [a, android],
        ],
      },
      'first',
    );
    await importFile();
    expect(await devices()).toEqual(sorted([stored(ios, a, 'ios'), stored(android, a, 'android')]));
  });

  it('takes null for absent, and a file that lacks tables', async () => {
    const [ios, a] = [newIosToken(), newId()];
    v1({ tokens: [[a, ios, null, 0]] });
    const database = new Database(file);
    database.exec('DROP TABLE statistics_table; DROP TABLE closed_group_table');
    database.close();
    expect(await importFile()).toMatchObject({ members: { rows: 0 }, statistics: { rows: 0, imported: 0 } });
    expect(await devices()).toEqual([stored(ios, a, 'ios')]);
  });

  it('keeps nothing of a dry run and tells the figures of the real one', async () => {
    v1(generateV1Content(40));
    const { dryRun, ...expected } = (await importFile('--dry-run')) as Record<string, unknown>;
    expect(dryRun).toBe(true);
    for (const table of ['devices', 'closed_groups', 'closed_group_members', 'statistics']) {
      expect(await query(url, `SELECT COUNT(*) AS n FROM ${table}`)).toEqual([{ n: 0 }]);
    }
    expect(await importFile()).toEqual({ dryRun: false, ...expected });
    expect(expected).toMatchObject({ devices: { imported: 40 }, members: { imported: 20 } });
  });

  it('can be repeated: nothing doubles, and what grew since is brought up to date', async () => {
    const content = generateV1Content(300);
    v1(content);
    await importFile();
    const before = await devices();
    await rm(file);
    const [first, ...rest] = content.statistics;
    if (!first) throw new Error('There must be a first period.');
    v1({
      tokens: [...content.tokens, [newId(), newIosToken(), 'ios', 0]],
      members: content.members,
      statistics: [...rest, [first[0], first[1] + 60, 123_456, 0, 0, 0, 0, 0]],
    });
    expect(await importFile()).toMatchObject({
      devices: { imported: 1, present: 300 },
      members: { imported: 0, present: 150 },
      statistics: { imported: 0, updated: 1, present: 729 },
    });
    expect(await devices()).toHaveLength(before.length + 1);
    expect(await query(url, 'SELECT COUNT(*) AS n FROM statistics WHERE ios_pn_number = 123456')).toEqual([{ n: 1 }]);
  });

  it('never overwrites what registered here since', async () => {
    const [token, old, now] = [newIosToken(), newId(), newId()];
    await query(
      url,
      `INSERT INTO devices (token, session_id, device_type, legacy_groups_only, registered_at, apns_environment) VALUES ('${token}', '${now}', 'ios', 0, 1700000000000, 'sandbox')`,
    );
    v1({ tokens: [[old, token, 'ios', 1]] });
    expect(await importFile()).toMatchObject({ devices: { imported: 0, present: 1 } });
    expect(await devices()).toEqual([stored(token, now, 'ios')]);
  });

  describe('a token on two ids', () => {
    const [token, former, owner, alone] = [newAndroidToken(), newId(), newId(), newIosToken()];
    const content: V1Content = {
      tokens: [
        [former, token, 'android', 0],
        [former, alone, 'ios', 0],
        [owner, token, 'android', 1],
      ],
    };

    it('goes to the id of its newest row', async () => {
      v1(content);
      expect(await importFile()).toMatchObject({
        devices: { imported: 2, conflicts: { tokens: 1, rows: 2, resolution: 'newest' } },
      });
      expect(await devices()).toEqual(sorted([stored(token, owner, 'android', 1), stored(alone, former, 'ios')]));
    });

    it('goes to neither on request', async () => {
      v1(content);
      expect(await importFile('--on-conflict', 'skip')).toMatchObject({
        devices: { imported: 1, conflicts: { tokens: 1, rows: 2, resolution: 'skip' } },
      });
      expect(await devices()).toEqual([stored(alone, former, 'ios')]);
    });

    it('is told as a count with the choice that was made', async () => {
      v1(content);
      const { stdout, stderr } = await runCommand(['import-v1', file], options());
      expect(stdout).toContain('1 tokens on two or more ids (2 rows): the newest row of each was taken');
      for (const secret of [token, former, owner, alone]) expect(stdout + stderr).not.toContain(secret);
    });
  });

  it('skips what no client could register, and counts it by reason', async () => {
    const good = newIosToken();
    v1({
      tokens: [
        [newId(), good, 'ios', 0],
        [newId(), 'not-hexadecimal', 'ios', 0],
        [newId(), 'z'.repeat(64), null, 0],
        ['an id with spaces', newAndroidToken(), 'android', 0],
        [newId(), 'tök', 'android', 0],
        [newId(), 'x'.repeat(1025), 'android', 0],
        ['y'.repeat(256), newAndroidToken(), 'android', 0],
        [newId(), '', 'android', 0],
        [newId(), newAndroidToken(), 'toaster', 0],
        [Buffer.from('blob'), newAndroidToken(), 'android', 0],
      ],
      members: [[newId(), 'with space']],
      statistics: [
        [Number.NaN, 5, 0, 0, 0, 0, 0, 0],
        [5, 6, -1, 0, 0, 0, 0, 0],
      ],
    });
    expect(await importFile()).toMatchObject({
      devices: {
        rows: 10,
        imported: 1,
        skipped: {
          'an ios token must be hexadecimal': 2,
          'pubKey must be printable ASCII without spaces': 1,
          'token must be printable ASCII without spaces': 1,
          'token must be at most 1024 characters': 1,
          'pubKey must be at most 255 characters': 1,
          'Missing parameter': 1,
          'device must be ios, android, huawei or unknown': 1,
          'pubKey must be a string': 1,
        },
      },
      members: { imported: 0, skipped: { 'pubKey must be printable ASCII without spaces': 1 } },
      statistics: {
        imported: 0,
        skipped: { 'a time is missing or not a number': 1, 'a count is not a whole number': 1 },
      },
    });
    expect(await devices()).toHaveLength(1);
  });

  it('counts equal rows once', async () => {
    const [token, a, group] = [newIosToken(), newId(), newId()];
    v1({
      tokens: [
        [a, token, 'ios', 0],
        [a, token, 'ios', 1],
      ],
      members: [
        [group, a],
        [group, a],
      ],
    });
    expect(await importFile()).toMatchObject({
      devices: { imported: 1, repeated: 1, conflicts: { tokens: 0 } },
      members: { imported: 1, repeated: 1 },
    });
    expect(await devices()).toEqual([stored(token, a, 'ios', 1)]);
  });

  it('takes the spellings of an iOS token for one device, of the newest row, and those of another kind for others', async () => {
    const [ios, other, a, b] = [`ab${newIosToken().slice(2)}`, 'cd'.repeat(30), newId(), newId()];
    v1({
      tokens: [
        [a, ios.toUpperCase(), 'ios', 0],
        [a, other, 'android', 0],
        [b, ios, 'ios', 0],
        [b, other.toUpperCase(), 'android', 0],
        [a, `aB${ios.slice(2)}`, 'ios', 1],
      ],
    });
    expect(await importFile()).toMatchObject({
      devices: { rows: 5, imported: 3, present: 0, conflicts: { tokens: 1, rows: 3, resolution: 'newest' } },
    });
    expect(await devices()).toEqual(
      sorted([stored(ios, a, 'ios', 1), stored(other, a, 'android'), stored(other.toUpperCase(), b, 'android')]),
    );
  });

  it('holds the bound of devices per id, in favour of the newest', async () => {
    const crowded = newId();
    const tokens = Array.from({ length: 103 }, newAndroidToken);
    v1({ tokens: tokens.map((token) => [crowded, token, 'android', 0]) });
    expect(await importFile()).toMatchObject({
      devices: { imported: 100, skipped: { 'the id has too many devices, only its newest are taken': 3 } },
    });
    const kept = (await devices()).map((row) => row['token']);
    for (const oldest of tokens.slice(0, 3)) expect(kept).not.toContain(oldest);
  });

  it('goes out again as it came in', async () => {
    const content = generateV1Content(200);
    v1(content);
    await importFile();
    const back = join(folder, 'back.db');
    await rm(back, { force: true });
    expect(await runForJson(['export-v1', back], options())).toEqual({ devices: 200, members: 100, statistics: 730 });
    expect(statSync(back).mode & 0o777).toBe(0o600);

    const [was, is] = [readV1Database(file), readV1Database(back)];
    const texts = (rows: unknown[]) => rows.map((row) => JSON.stringify(row)).toSorted();
    expect(texts(is.tokens)).toEqual(texts(was.tokens));
    expect(texts(is.members)).toEqual(texts(was.members));
    const rounded = (was.statistics as number[][]).map(([start = 0, end = 0, ...counts]) => [
      Math.round(start * 1000) / 1000,
      Math.round(end * 1000) / 1000,
      ...counts,
    ]);
    expect(is.statistics).toEqual(rounded);
  });

  it("exports full registrations before the others, because the original takes an id's flag from its first row", async () => {
    const a = newId();
    v1({
      tokens: [
        [a, '0'.repeat(64), 'ios', 1],
        [a, 'f'.repeat(64), 'ios', 0],
      ],
    });
    await importFile();
    const back = join(folder, 'flags.db');
    await rm(back, { force: true });
    await runForJson(['export-v1', back], options());
    expect(readV1Database(back).tokens).toEqual([
      [a, 'f'.repeat(64), 'ios', 0],
      [a, '0'.repeat(64), 'ios', 1],
    ]);
    // The original tries these at each start and goes on when the columns are there.
    const database = new Database(back);
    for (const addition of V1_ADDITIONS) expect(() => database.exec(addition)).toThrow('duplicate column name');
    database.close();
  });
});

describe('import-v1 and export-v1', () => {
  it.each([
    ['a file that is not there', null, 'There is no file'],
    ['a file that is no database', 'some text '.repeat(500), 'is not a SQLite database'],
    ['an empty file', '', 'is not a database of the original server'],
  ])('refuses %s', async (_, content, sentence) => {
    await inFolder(async (folder) => {
      const file = join(folder, 'other.db');
      if (content !== null) writeFileSync(file, content);
      await runCommand(['migrate'], { folder });
      const { code, stderr } = await runCommand(['import-v1', file], { folder });
      expect(code).toBe(1);
      expect(stderr).toContain(sentence);
    });
  });

  it('leaves the original file as it is', async () => {
    await inFolder(async (folder) => {
      const file = join(folder, 'v1.db');
      makeV1Database(file, generateV1Content(20));
      const before = readFileSync(file);
      await runCommand(['migrate'], { folder });
      await runForJson(['import-v1', file], { folder });
      expect(readFileSync(file)).toEqual(before);
      expect(existsSync(`${file}-journal`) || existsSync(`${file}-wal`)).toBe(false);
    });
  });

  it.each([
    ['DELETE', '-journal'],
    ['WAL', '-wal'],
  ] as const)('reads what a writer left that was killed (%s), on a copy of which nothing stays', async (mode, left) => {
    await inFolder(async (folder) => {
      const file = join(folder, 'v1', 'v1.db');
      const temporary = join(folder, 'temporary');
      mkdirSync(join(folder, 'v1'));
      mkdirSync(temporary);
      makeV1Database(file, generateV1Content(20));
      killWriterOf(file, mode);
      const state = () =>
        readdirSync(join(folder, 'v1')).map((name) => [name, readFileSync(join(folder, 'v1', name), 'base64')]);
      const before = state();
      expect(statSync(file + left).size).toBeGreaterThan(0);
      await runCommand(['migrate'], { folder });
      expect(await runForJson(['import-v1', file], { folder, env: { TMPDIR: temporary } })).toMatchObject({
        devices: { rows: 21, imported: 20, conflicts: { tokens: 1 } },
      });
      expect(state()).toEqual(before);
      expect(readdirSync(temporary)).toEqual([]);

      const noRoom = { folder, env: { TMPDIR: join(folder, 'nowhere') } };
      const { code, stderr } = await runCommand(['import-v1', file], noRoom);
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/Set TMPDIR to a folder .* MB free/) });
    });
  });

  it.each([
    ['token_pubkey_table', 'pubKey'],
    ['closed_group_table', 'closedGroupPublicKey'],
  ])('names the column that %s lacks: %s', async (table, column) => {
    await inFolder(async (folder) => {
      const file = join(folder, 'v1.db');
      makeV1Database(file, {});
      const database = new Database(file);
      database.exec(`ALTER TABLE ${table} DROP COLUMN ${column}`);
      database.close();
      const { code, stderr } = await runCommand(['import-v1', file], { folder });
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: `${file} is not a database of the original server: its table ${table} lacks the column ${column}.\n`,
      });
    });
  });

  it('export beside a running server warns and goes on', async () => {
    await inFolder(async (folder) => {
      const { process } = await spawnServer({}, folder);
      const exported = (name: string) => runCommand(['export-v1', join(folder, name)], { folder });
      expect(await exported('beside.db')).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('Exported 0 devices'),
        stderr: 'A server uses this database: what registers now may be missing. Stop it and export again.\n',
      });
      await process.stop();
      expect(await exported('alone.db')).toMatchObject({ code: 0, stderr: '' });
    });
  });

  it('never overwrites a file, and leaves no half one', async () => {
    await inFolder(async (folder) => {
      await runCommand(['migrate'], { folder });
      const file = join(folder, 'there.db');
      writeFileSync(file, 'precious');
      const refused = await runCommand(['export-v1', file], { folder });
      expect(refused).toMatchObject({ code: 1, stdout: '' });
      expect(readFileSync(file, 'utf8')).toBe('precious');
      const nowhere = await runCommand(['export-v1', join(folder, 'no/folder/v1.db')], { folder });
      expect(nowhere.code).toBe(1);
      expect(nowhere.stderr).toContain('cannot be made');
      const below = await runCommand(['export-v1', join(file, 'v1.db')], { folder });
      expect(below.stderr).toBe(`${join(file, 'v1.db')} cannot be made: check its folder and the rights on it.\n`);
      await runForJson(['export-v1', join(folder, 'good.db')], { folder });
      expect(existsSync(join(folder, 'good.db.partial'))).toBe(false);
    });
  });

  it('import beside a running server, which goes on registering and uses what came', async () => {
    await inFolder(async (folder) => {
      const { process, onion } = await spawnServer({}, folder);
      const content = generateV1Content(3000);
      const file = join(folder, 'v1.db');
      makeV1Database(file, content);
      const importing = runForJson(['import-v1', file], { folder });
      const answers = [];
      for (let index = 0; index < 20; index++) {
        answers.push((await onion.send('register', { token: newIosToken(), pubKey: newId() })).body['code']);
      }
      expect(await importing).toMatchObject({ devices: { imported: 3000 } });
      expect(answers).toEqual(new Array(20).fill(1));
      const token = content.tokens[0]?.[1];
      expect((await onion.send('unregister', { token: String(token) })).body['code']).toBe(1);
      await process.stop();
    });
  });
});
