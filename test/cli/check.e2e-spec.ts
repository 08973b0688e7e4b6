import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { runCommand } from '../support/command-line.js';
import { describeEachDatabase } from '../support/databases.js';
import { startGateways, type TestGateways } from '../support/gateways.js';
import { query } from '../support/query.js';
import { inFolder } from '../support/spawned-server.js';
import { makeV1Database } from '../support/v1-database.js';

interface Report {
  ok: boolean;
  checks: { name: string; status: string; detail: string }[];
}

interface Checked {
  code: number | null;
  ok: boolean;
  /** `status: detail` by name. */
  of: Record<string, string>;
  output: string;
}

async function check(env: Record<string, string>, folder: string, ...args: string[]): Promise<Checked> {
  const { code, stdout, stderr } = await runCommand(['check', '--json', ...args], { folder, env });
  const { ok, checks } = JSON.parse(stdout) as Report;
  const of = Object.fromEntries(checks.map(({ name, status, detail }) => [name, `${status}: ${detail}`]));
  return { code, ok, of, output: stdout + stderr };
}

describe('check', () => {
  let gateways: TestGateways;
  beforeAll(async () => {
    gateways = await startGateways();
  });
  afterEach(() => gateways.reset());
  afterAll(() => gateways.close());

  it('is content with an empty folder, tells what is off, and makes nothing', async () => {
    await inFolder(async (folder) => {
      const { code, ok, of } = await check({}, folder);
      expect({ code, ok }).toEqual({ code: 0, ok: true });
      expect(of['onion key']).toMatch(/^warning: .*does not exist yet/);
      expect(of['database']).toMatch(/^warning: .*does not exist yet/);
      for (const name of ['data key', 'apns', 'fcm', 'huawei', 'redis', 'statistics', 'alerts'])
        expect(of[name]).toMatch(/^off: /);
      expect(existsSync(join(folder, 'data'))).toBe(false);
    });
  });

  it('fails where the server would make no key', async () => {
    await inFolder(async (folder) => {
      const { code, of } = await check({ ONION_PRIVATE_KEY_FILE: 'mistyped.pem' }, folder);
      expect(code).toBe(1);
      expect(of['onion key']).toMatch(/^failed: .*\/mistyped\.pem does not exist: correct ONION_PRIVATE_KEY_FILE/);
    });
  });

  it('tells whether the swarm key is there, and fails where it was named and is not', async () => {
    await inFolder(async (folder) => {
      const env = { NODE_LIST: 'tcp://127.0.0.1:1' };
      const swarmKey = async (more = {}) => (await check({ ...env, ...more }, folder, '--offline')).of['swarm key'];
      const path = join(folder, 'data/x25519-swarm.key');
      expect(await swarmKey()).toBe(`warning: ${path} does not exist yet; the server makes it at its first start`);
      expect(await swarmKey({ SWARM_KEY_FILE: 'data/x25519-swarm.key' })).toMatch(/^failed: .* correct SWARM_KEY_FILE/);
      await runCommand(['keygen', '--file', path], { folder });
      expect(await swarmKey()).toBe(`ok: ${path} is usable`);
    });
  });

  it('asks each push service once, for a device that cannot exist', async () => {
    await inFolder(async (folder) => {
      await runCommand(['keygen'], { folder });
      await runCommand(['migrate'], { folder });
      gateways.apns.mark('0'.repeat(64), 'other-environment');
      gateways.fcm.mark('no-such-device', 'malformed');
      gateways.huawei.mark('no-such-device', 'dead');
      const env = { ...gateways.environment, STATISTICS_USERNAME: 'operator', STATISTICS_PASSWORD: 'not-for-you' };
      const { code, of, output } = await check(env, folder);
      expect(Object.entries(of).filter(([, line]) => !line.startsWith('ok: '))).toEqual([
        ['data key', expect.stringMatching(/^off: /)],
        ['redis', expect.stringMatching(/^off: /)],
        ['webpush service', expect.stringMatching(/^off: /)],
        ['network', expect.stringMatching(/^off: /)],
        ['alerts', expect.stringMatching(/^off: /)],
      ]);
      expect(code).toBe(0);
      expect(of['webpush credential']).toMatch(/^ok: /);
      // Each device has its own push server; none is bothered.
      expect(gateways.webpush.counts.connections).toBe(0);
      expect(of['apns service']).toContain('BadDeviceToken');
      expect(of['fcm service']).toContain('INVALID_ARGUMENT');
      expect(of['huawei service']).toContain('Code80300007');
      const { apns, fcm, huawei } = gateways;
      const pushes = [apns, fcm, huawei].map(
        ({ requests }) => requests.filter(({ tokens }) => tokens.length > 0).length,
      );
      expect(pushes).toEqual([1, 1, 1]);
      expect(output).not.toContain('not-for-you');
      expect(output).not.toContain(gateways.credentials.huaweiAppSecret);
    });
  });

  it('stays away from the push services when it is told to', async () => {
    await inFolder(async (folder) => {
      const { code, of } = await check({ ...gateways.environment }, folder, '--offline');
      expect(code).toBe(0);
      for (const name of ['apns', 'fcm', 'huawei']) {
        expect(of[`${name} credential`]).toMatch(/^ok: /);
        expect(of[`${name} service`]).toBe('off: not asked');
      }
      for (const gateway of gateways.all) expect(gateway.counts.connections).toBe(0);
    });
  });

  it('fails on a secret that Huawei refuses, with what to do about it', async () => {
    await inFolder(async (folder) => {
      const { code, ok, of, output } = await check({ ...gateways.environment, HUAWEI_APP_SECRET: 'mistyped' }, folder);
      expect({ code, ok }).toEqual({ code: 1, ok: false });
      expect(of['huawei service']).toMatch(/^failed: refuses this server \(/);
      expect(of['apns service']).toMatch(/^ok: /);
      expect(output).not.toContain('mistyped');
    });
  });

  it('fails on a key id that Apple does not know', async () => {
    await inFolder(async (folder) => {
      const { code, of } = await check({ ...gateways.environment, APNS_TOKEN_KEY_ID: 'AAAAAAAAAA' }, folder);
      expect(code).toBe(1);
      expect(of['apns service']).toMatch(
        /^failed: refuses this server \(InvalidProviderToken\): check APNS_TOKEN_KEY_FILE/,
      );
    });
  });

  it('fails when a push service cannot be reached', async () => {
    await gateways.fcm.stopListening();
    await inFolder(async (folder) => {
      const { code, of } = await check({ ...gateways.environment }, folder);
      expect(code).toBe(1);
      expect(of['fcm service']).toMatch(/^failed: cannot be reached/);
    });
  });

  it('fails on a credential that cannot be used, without asking anybody', async () => {
    await inFolder(async (folder) => {
      const file = join(folder, 'account.json');
      writeFileSync(file, '{"private_key":"do-not-show"}');
      const wrong = { FCM_SERVICE_ACCOUNT_FILE: file, VAPID_KEY_FILE: file };
      const { code, of, output } = await check({ ...gateways.environment, ...wrong }, folder);
      expect(code).toBe(1);
      expect(of['fcm credential']).toMatch(/^failed: FCM_SERVICE_ACCOUNT_FILE /);
      expect(of['webpush credential']).toMatch(/^failed: VAPID_KEY_FILE .*keygen --vapid/);
      expect(output).not.toContain('do-not-show');
      expect(gateways.fcm.counts.connections).toBe(0);
    });
  });

  it('warns of a certificate that expires soon', async () => {
    await inFolder(async (folder) => {
      const notAfter = new Date(Date.now() + 10.5 * 86_400_000);
      const { cert, key } = await gateways.credentials.authority.issueApnsClient({ notAfter });
      const file = join(folder, 'apns.pem');
      writeFileSync(file, `${cert}\n${key}`);
      const unset = { APNS_TOKEN_KEY_FILE: '', APNS_TOKEN_KEY_ID: '', APNS_TOKEN_TEAM_ID: '' };
      const { code, of } = await check({ ...gateways.environment, ...unset, APNS_CERT_FILE: file }, folder);
      expect(code).toBe(0);
      expect(of['apns credential']).toMatch(
        new RegExp(`^warning: can be used, expires on ${notAfter.toISOString().slice(0, 10)} \\(in 10 days\\)$`),
      );
      expect(of['apns service']).toMatch(/^ok: /);
    });
  });

  it('warns of a key file that others may read', async () => {
    await inFolder(async (folder) => {
      await runCommand(['keygen'], { folder });
      chmodSync(join(folder, 'data/x25519-priv.pem'), 0o644);
      expect((await check({}, folder)).of['onion key']).toMatch(/^warning: other users may read /);
    });
  });

  it('lists every mistake of the configuration', async () => {
    await inFolder(async (folder) => {
      const env = { PORT: 'x', LOG_LEVEL: 'loud', FCM_SERVICE_ACCOUNT_FILE: '/nowhere' };
      const { code, stdout } = await runCommand(['check', '--json'], { folder, env });
      const { ok, checks } = JSON.parse(stdout) as Report;
      expect({ code, ok }).toEqual({ code: 1, ok: false });
      expect(checks).toEqual(
        ['PORT', 'LOG_LEVEL', 'FCM_SERVICE_ACCOUNT_FILE'].map(() => ({
          ...{ name: 'configuration', status: 'failed' },
          detail: expect.stringMatching(/^(PORT|LOG_LEVEL|FCM_SERVICE_ACCOUNT_FILE) /),
        })),
      );
    });
  });

  it('says in words what an app of its own still takes', async () => {
    await inFolder(async (folder) => {
      const { code, stdout, stderr } = await runCommand(['check', '--full'], { folder });
      expect(code).toBe(1);
      const [, list = ''] = stdout.split('\n\n');
      const lines = list.trim().split('\n').slice(1);
      const of = (state: string) =>
        lines.flatMap((line) => new RegExp(`^${state} +(.*?)  +(\\S.*)$`).exec(line)?.slice(1, 3).join(': ') ?? []);
      expect(of('missing')).toEqual([
        expect.stringMatching(/^onion key: .*does not exist yet/),
        expect.stringMatching(/^database: .*does not exist yet/),
        'public address, https: name it with --url https://push.example.org',
        expect.stringMatching(/^storage network: set NODE_LIST/),
        'a push service: set the credentials of at least one of the four below',
      ]);
      expect(of('done')).toEqual([expect.stringMatching(/^backup: every 24 hours into .*, of which 7 are kept$/)]);
      expect(of('optional')).toHaveLength(lines.length - 6);
      expect(stderr).toBe('No phone can be woken yet: 5 requirements are not met.\n');
    });
  });

  it('lists nothing as missing when the configuration is wrong', async () => {
    await inFolder(async (folder) => {
      const { code, stdout } = await runCommand(['check', '--full', '--json'], { folder, env: { PORT: 'x' } });
      expect(code).toBe(1);
      expect(JSON.parse(stdout)).toEqual({ ok: false, checks: [expect.objectContaining({ status: 'failed' })] });
    });
  });

  it('fails when Redis is not there', async () => {
    await inFolder(async (folder) => {
      const { code, of } = await check({ REDIS_URL: 'redis://127.0.0.1:1' }, folder);
      expect(code).toBe(1);
      expect(of['redis']).toBe('failed: cannot be reached (ECONNREFUSED), check REDIS_URL');
    });
  });

  it.skipIf(inject('redisUrl') === null)('looks at how Redis is set up', async () => {
    await inFolder(async (folder) => {
      const { of } = await check({ REDIS_URL: inject('redisUrl') ?? '' }, folder);
      expect(of['redis']).toMatch(/^(ok|warning): /);
    });
  });
});

describeEachDatabase('check of the database', (databases) => {
  it('tells pending changes from a schema that is up to date, and never shows a password', async () => {
    await inFolder(async (folder) => {
      const env = { DATABASE_URL: await databases.create() };
      expect((await check(env, folder)).of['database']).toMatch(/^warning: /);
      await runCommand(['migrate'], { folder, env });
      const { code, of, output } = await check(env, folder);
      expect(code).toBe(0);
      expect(of['database']).toMatch(/^ok: .*, schema up to date$/);
      if (databases.kind === 'mysql') expect(output).not.toContain(new URL(env.DATABASE_URL).password);
    });
  });

  it.each([
    ['a table', ['CREATE TABLE users (name VARCHAR(9))']],
    ['a view', ['CREATE VIEW users AS SELECT 1 AS name']],
    ['a table of the same name', ['CREATE TABLE devices (name VARCHAR(9))']],
    ['migrations of another form', ['CREATE TABLE users (name VARCHAR(9))', 'CREATE TABLE migrations (batch INT)']],
    [
      'migrations of another program',
      [
        'CREATE TABLE users (name VARCHAR(9))',
        'CREATE TABLE migrations (timestamp BIGINT, name VARCHAR(99))',
        "INSERT INTO migrations VALUES (9, 'Users9')",
      ],
    ],
  ])('fails on a database of something else, with %s, and migrate leaves it alone', async (_, statements) => {
    await inFolder(async (folder) => {
      const env = { DATABASE_URL: await databases.create() };
      for (const statement of statements) await query(env.DATABASE_URL, statement);
      const { code, of } = await check(env, folder, '--offline');
      expect([code, of['database']]).toEqual([
        1,
        expect.stringMatching(/^failed: .*not a database of this server: .*Set DATABASE_URL/),
      ]);
      const migrated = await runCommand(['migrate'], { folder, env });
      expect([migrated.code, migrated.stderr]).toEqual([1, expect.stringContaining('not a database of this server')]);
      const left = await tablesOf(env.DATABASE_URL);
      expect(left).toEqual(statements.flatMap((text) => /^CREATE \w+ (\w+)/.exec(text)?.[1] ?? []).toSorted());
    });
  });
});

async function tablesOf(url: string): Promise<string[]> {
  const rows = url.startsWith('sqlite:')
    ? await query(url, 'SELECT name FROM sqlite_master')
    : await query(url, 'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()');
  return rows.map(({ name }) => String(name)).toSorted();
}

describe('check of a database', () => {
  it("leaves the original server's as it is, to the byte, and says how to import it", async () => {
    await inFolder(async (folder) => {
      makeV1Database(join(folder, 'v1.db'), {});
      const before = readFileSync(join(folder, 'v1.db'));
      const env = { DATABASE_URL: 'sqlite:v1.db' };
      const { code, of } = await check(env, folder);
      expect([code, of['database']]).toEqual([1, expect.stringMatching(/original server's .*DATABASE_URL.*import-v1/)]);
      for (const command of [['migrate'], ['migrate', '--dry-run'], ['devices', 'count']]) {
        const { code: refused, stderr } = await runCommand(command, { folder, env });
        expect([refused, stderr]).toEqual([1, expect.stringContaining('import-v1')]);
      }
      expect(readFileSync(join(folder, 'v1.db')).equals(before)).toBe(true);
      expect(readdirSync(folder)).toEqual(['v1.db']);
    });
  });

  it('leaves what is not in use yet as it is', async () => {
    await inFolder(async (folder) => {
      writeFileSync(join(folder, 'empty.db'), '');
      const { of } = await check({ DATABASE_URL: 'sqlite:empty.db' }, folder);
      expect(of['database']).toMatch(/^warning: .* lacks /);
      expect(readFileSync(join(folder, 'empty.db'))).toHaveLength(0);
      expect(readdirSync(folder)).toEqual(['empty.db']);
    });
  });

  it('tells which files it looked at', async () => {
    await inFolder(async (folder) => {
      const env = { DATA_KEY_FILE: 'data/data.key' };
      const paths = (of: Record<string, string>) =>
        ['onion key', 'data key', 'database'].map((name) => /\/[^ ,]*/.exec(of[name] ?? '')?.[0]);
      const wanted = ['x25519-priv.pem', 'data.key', 'session-push.sqlite'].map((file) => join(folder, 'data', file));
      expect(paths((await check(env, folder)).of)).toEqual(wanted);
      await runCommand(['keygen'], { folder });
      await runCommand(['migrate'], { folder, env });
      expect(paths((await check(env, folder)).of)).toEqual(wanted);
    });
  });

  it('fails when it is not there or no database', async () => {
    await inFolder(async (folder) => {
      const away = await check({ DATABASE_URL: 'mysql://me:secret-word@127.0.0.1:1/push' }, folder);
      expect(away.code).toBe(1);
      expect(away.of['database']).toMatch(/^failed: mysql:\/\/127\.0\.0\.1:1\/push: .*cannot be reached/);
      expect(away.output).not.toContain('secret-word');
      const file = join(folder, 'other.sqlite');
      writeFileSync(file, 'this is text'.repeat(500));
      const { of } = await check({ DATABASE_URL: `sqlite:${file}` }, folder);
      expect(of['database']).toMatch(/^failed: .*is not a SQLite database/);
    });
  });
});
