import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { isBound } from '../../src/sealing/bound-device.js';
import { runCommand, runForJson } from '../support/command-line.js';
import { describeEachDatabase } from '../support/databases.js';
import { newAndroidToken, newId, newIosToken } from '../support/people.js';
import { query } from '../support/query.js';
import { rotateDataKey, sealingOf } from '../support/data-keys.js';
import { spawnServer } from '../support/spawned-server.js';
import { makeV1Database } from '../support/v1-database.js';

describeEachDatabase('the command line with a data key', (databases) => {
  let folder: string;
  let url: string;
  let env: { DATABASE_URL: string };
  let sealed: { DATABASE_URL: string; DATA_KEY_FILE: string };
  const run = (args: string[], variables: Readonly<Record<string, string>>) =>
    runCommand(args, { folder, env: variables });
  const check = async (variables: Readonly<Record<string, string>>): Promise<Record<string, string>> => {
    const { stdout } = await run(['check', '--json', '--offline'], variables);
    const { checks } = JSON.parse(stdout) as { checks: { name: string; status: string; detail: string }[] };
    return Object.fromEntries(checks.map(({ name, status, detail }) => [name, `${status}: ${detail}`]));
  };
  const sealing = () => sealingOf(join(folder, 'data.key'));
  const isEachBound = async () =>
    (await query(url, 'SELECT * FROM devices')).map((row) =>
      isBound(
        sealing(),
        {
          token: String(row['token']),
          sessionId: String(row['session_id']),
          deviceType: String(row['device_type']),
        },
        String(row['binding']),
      ),
    );

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'spns-cli-sealing-'));
    url = await databases.create();
    env = { DATABASE_URL: url };
    sealed = { ...env, DATA_KEY_FILE: 'data.key' };
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('migrates, tells what is to be done, and seals', async () => {
    const token = newIosToken();
    expect((await run(['migrate', '--dry-run'], sealed)).stdout).toMatch(/pending sealing of ids and tokens\n$/);
    await run(['migrate'], env);
    await query(
      url,
      `INSERT INTO devices (token, session_id, device_type, legacy_groups_only, registered_at, apns_environment) VALUES ('${token}', '05ab', 'ios', 0, 1, NULL)`,
    );
    expect((await run(['devices', 'count'], sealed)).stderr).toContain('not sealed yet');
    expect((await check(sealed))['database']).toMatch(/^warning: .* the server seals it at start/);
    expect((await check(sealed))['data key']).toMatch(/^warning: .*does not exist yet/);
    const pending = 'The schema is up to date.\npending sealing of ids and tokens\n';
    expect((await run(['migrate', '--dry-run'], sealed)).stdout).toBe(pending);
    expect((await run(['migrate'], sealed)).stdout).toBe(pending.replace('pending', 'done'));
    expect((await run(['migrate'], sealed)).stdout).toBe('The schema is up to date.\n');
    expect(await query(url, 'SELECT token, session_id FROM devices')).toEqual([
      { token: sealing().token(token), session_id: sealing().id('05ab') },
    ]);
    expect(await check(sealed)).toMatchObject({
      database: expect.stringMatching(/^ok: .*ids and tokens sealed$/),
      'data key': expect.stringMatching(/^ok: /),
    });
  });

  it('does not work on a sealed database without its key', async () => {
    await run(['migrate'], sealed);
    for (const args of [['devices', 'count'], ['suspects', 'list'], ['migrate']]) {
      const { code, stderr } = await run(args, env);
      expect([code, stderr]).toEqual([
        1,
        'The database is sealed: set DATA_KEY_FILE to the file that holds its key.\n',
      ]);
    }
    expect((await check(env))['database']).toMatch(/^failed: .*set DATA_KEY_FILE/);
    expect(await check({ ...env, DATA_KEY_FILE: 'other.key' })).toMatchObject({
      database: expect.stringMatching(/^failed: .*put a copy of it back/),
      'data key': expect.stringMatching(/^failed: .*other\.key does not exist: put a copy/),
    });
  });

  it('changes the data key: a fresh one at the end of the file, and the database sealed with it', async () => {
    const file = join(folder, 'data.key');
    expect((await run(['rotate-data-key'], env)).stderr).toContain('DATA_KEY_FILE is not set');
    expect((await run(['rotate-data-key'], sealed)).code).toBe(1);
    await run(['migrate'], env);
    expect((await run(['rotate-data-key'], sealed)).stderr).toMatch(/not sealed with the key in .* yet.* migrate\n$/);
    expect(existsSync(file)).toBe(false);
    await run(['migrate'], sealed);
    const former = sealing();
    const [token, id] = [newIosToken(), newId()];
    await query(
      url,
      `INSERT INTO devices (token, session_id, device_type, legacy_groups_only, registered_at, apns_environment) VALUES ('${former.token(token)}', '${former.id(id)}', 'ios', 0, 1, NULL)`,
    );
    const { code, stdout } = await run(['rotate-data-key'], sealed);
    expect([code, stdout]).toEqual([0, expect.stringContaining(`${file} holds 2 keys now`)]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await check(sealed)).toMatchObject({
      database: expect.stringMatching(
        /^warning: .*; the server seals it at start, with the last key of DATA_KEY_FILE$/,
      ),
      'data key': expect.stringMatching(/^ok: .*, 2 keys of which the one in line 1 is in use;/),
    });
    // Until then everything is done with the key that the database has, and no third one is made.
    expect(await runForJson(['devices', 'count'], { folder, env: sealed })).toMatchObject({ ios: 1 });
    expect((await run(['rotate-data-key'], sealed)).stderr).toContain('is not sealed with the key in');
    const pending = 'The schema is up to date.\npending sealing of ids and tokens\n';
    expect((await run(['migrate', '--dry-run'], sealed)).stdout).toBe(pending);
    expect((await run(['migrate'], sealed)).stdout).toBe(pending.replace('pending', 'done'));
    expect(await query(url, 'SELECT token, session_id FROM devices')).toEqual([
      { token: sealing().token(token), session_id: sealing().id(id) },
    ]);
    expect(sealing().generation).toBe(2);
    expect(await check(sealed)).toMatchObject({
      database: expect.stringMatching(/^ok: .*ids and tokens sealed$/),
      'data key': expect.stringMatching(/^ok: .*, 2 keys of which the last is in use;/),
    });
  });

  it('does not change the data key under a server that is at work, nor beyond the last one', async () => {
    const { process: server } = await spawnServer({ ...sealed, BACKUP_INTERVAL_HOURS: '' }, folder);
    const before = readFileSync(join(folder, 'data.key'));
    expect((await run(['rotate-data-key'], sealed)).stderr).toContain(
      'Another server uses this database. Stop it first',
    );
    expect(readFileSync(join(folder, 'data.key'))).toEqual(before);
    await server.stop();
    for (let keys = 2; keys <= 13; keys++) rotateDataKey(join(folder, 'data.key'));
    expect((await run(['migrate'], sealed)).code).toBe(0);
    expect((await run(['rotate-data-key'], sealed)).stderr).toContain('holds 13 keys, and there can be no more');
  });

  it('does not seal under a server that is at work', async () => {
    const { process: server } = await spawnServer({ ...env, BACKUP_INTERVAL_HOURS: '' }, folder);
    const { code, stderr } = await run(['migrate'], sealed);
    expect([code, stderr]).toEqual([1, expect.stringContaining('Another server uses this database. Stop it first')]);
    await server.stop();
    expect(await query(url, 'SELECT * FROM sealing')).toEqual([]);
    expect((await run(['migrate'], sealed)).code).toBe(0);
  });

  it('imports what the original server knew, and does not lead back', async () => {
    const [token, moved, a, b, group] = [newIosToken(), newAndroidToken(), newId(), newId(), newId()];
    const file = join(folder, 'v1.db');
    makeV1Database(file, {
      tokens: [
        [a, token, 'ios', 1],
        [a, moved, 'android', 0],
        [b, moved, 'android', 0],
      ],
      members: [
        [group, a],
        [group, a],
        [group, b],
      ],
    });
    await run(['migrate'], sealed);
    const importFile = () => runForJson(['import-v1', file], { folder, env: sealed });
    expect(await importFile()).toMatchObject({
      devices: { imported: 2, conflicts: { tokens: 1, rows: 2 } },
      members: { imported: 2, repeated: 1 },
    });
    expect(await importFile()).toMatchObject({ devices: { imported: 0, present: 2 }, members: { present: 2 } });
    const rows = await query(url, 'SELECT token, session_id, legacy_groups_only FROM devices');
    expect(rows).toHaveLength(2);
    expect(await isEachBound()).toEqual([true, true]);
    expect(rows).toContainEqual({ token: sealing().token(token), session_id: sealing().id(a), legacy_groups_only: 1 });
    expect(rows).toContainEqual({ token: sealing().token(moved), session_id: sealing().id(b), legacy_groups_only: 0 });
    expect(await query(url, 'SELECT group_id FROM closed_groups')).toEqual([{ group_id: sealing().id(group) }]);
    expect(await query(url, 'SELECT session_id FROM closed_group_members')).toHaveLength(2);
    const { code, stderr } = await run(['export-v1', join(folder, 'out.db')], sealed);
    expect([code, stderr]).toEqual([1, expect.stringContaining('The database is sealed')]);
    expect(await runForJson(['devices', 'count'], { folder, env: sealed })).toMatchObject({ ios: 1, sessionIds: 2 });
  });
});
