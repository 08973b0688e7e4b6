import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runCommand, runForJson } from '../support/command-line.js';
import { describeEachDatabase } from '../support/databases.js';
import { newAndroidToken, newId, newIosToken } from '../support/people.js';
import { query } from '../support/query.js';
import { sealingOf } from '../support/sealing-of.js';
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
    expect(rows).toContainEqual({ token: sealing().token(token), session_id: sealing().id(a), legacy_groups_only: 1 });
    expect(rows).toContainEqual({ token: sealing().token(moved), session_id: sealing().id(b), legacy_groups_only: 0 });
    expect(await query(url, 'SELECT group_id FROM closed_groups')).toEqual([{ group_id: sealing().id(group) }]);
    expect(await query(url, 'SELECT session_id FROM closed_group_members')).toHaveLength(2);
    const { code, stderr } = await run(['export-v1', join(folder, 'out.db')], sealed);
    expect([code, stderr]).toEqual([1, expect.stringContaining('The database is sealed')]);
    expect(await runForJson(['devices', 'count'], { folder, env: sealed })).toMatchObject({ ios: 1, sessionIds: 2 });
  });
});
