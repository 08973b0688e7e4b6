import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeOneDatabase } from './support/databases.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { newId, newIosToken } from './support/people.js';
import { findProgram } from './support/private-server.js';
import { query } from './support/query.js';
import { type Exit, inFolder, ServerProcess, spawnServer } from './support/spawned-server.js';

/** Of util-linux: runs a command on a terminal of its own. */
const SCRIPT = findProgram('script');
if (SCRIPT === null) console.warn('script is not installed, its test is skipped; to run it: apt-get install bsdutils');

/** What warns, and worse. */
const bad = ({ stdout }: Exit): string[] => stdout.split('\n').filter((line) => /"level":[456]0/.test(line));

/** The log's only fatal line, beside which nothing warns and no stack is told. */
function fatal(exit: Exit): string {
  const lines = exit.stdout.split('\n').filter((line) => line.includes('"level":60'));
  expect(lines).toHaveLength(1);
  expect(bad(exit)).toEqual(lines);
  expect(lines[0]).not.toContain('"stack"');
  return String((JSON.parse(lines[0] ?? '{}') as Record<string, unknown>)['msg']);
}

describe('a start', () => {
  let gateways: TestGateways;
  beforeAll(async () => {
    gateways = await startGateways();
  });
  afterAll(() => gateways.close());

  it('needs no configuration: it makes the database, its folder and a key', async () => {
    await inFolder(async (folder) => {
      const { process, start, onion } = await spawnServer({}, folder);
      const keyFile = join(folder, 'data/x25519-priv.pem');
      expect(statSync(keyFile).mode & 0o777).toBe(0o600);
      expect(readFileSync(keyFile, 'latin1')).toMatch(/^[0-9a-f]{64}\n$/);
      expect(statSync(join(folder, 'data/session-push.sqlite')).mode & 0o077).toBe(0);
      expect(start).toMatchObject({ database: `sqlite:${join(folder, 'data/session-push.sqlite')}`, keyFile });
      expect(process.log.find(({ file }) => file === keyFile)?.['msg']).toContain('made a new onion key');
      expect((await onion.send('register', { token: newIosToken(), pubKey: newId() })).body).toMatchObject({ code: 1 });
      const exit = await process.stop();
      expect(exit.code).toBe(0);
    });
  });

  it('tells of each key that it makes, once, with the whole path', async () => {
    await inFolder(async (folder) => {
      const env = { DATA_KEY_FILE: 'data/data.key', NODE_LIST: 'tcp://127.0.0.1:1' };
      const dataKey = join(folder, env.DATA_KEY_FILE);
      const swarmKey = join(folder, 'data/x25519-swarm.key');
      const first = await spawnServer(env, folder);
      expect(first.start).toMatchObject({ swarmKeyFile: swarmKey });
      expect(first.process.log.find(({ file }) => file === dataKey)?.['msg']).toContain('made a new data key');
      expect(first.process.log.find(({ file }) => file === swarmKey)?.['msg']).toContain('made a new swarm key');
      await first.process.stop();
      const { stdout } = await (await spawnServer(env, folder)).process.stop();
      expect(stdout).not.toMatch(/made a new/);
    });
  });

  it('says address, public key, providers and database in one line', async () => {
    await inFolder(async (folder) => {
      const { process, start } = await spawnServer(
        { ...gateways.environment, HUAWEI_APP_ID: '', HUAWEI_APP_SECRET: '' },
        folder,
      );
      expect(start.address).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
      expect(start.publicKey).toMatch(/^[0-9a-f]{64}$/);
      expect(start.providers).toEqual({ apns: true, fcm: true, huawei: false, webpush: true });
      const { stdout } = await process.stop();
      expect(stdout).toContain('"provider":"huawei"');
      expect(stdout).toContain('the statistics endpoint is off: set STATISTICS_USERNAME and STATISTICS_PASSWORD');
      for (const line of stdout.trim().split('\n')) expect(() => JSON.parse(line) as unknown).not.toThrow();
    });
  });

  it('uses the same key again, and takes a key file of the original server', async () => {
    await inFolder(async (folder) => {
      const first = await spawnServer({}, folder);
      await first.process.stop();
      const key = readFileSync(join(folder, 'data/x25519-priv.pem'), 'latin1').trim();
      const file = join(folder, 'from-the-original.pem');
      for (const content of [key, `${key}\n`, key.toUpperCase(), Buffer.from(key, 'hex')]) {
        writeFileSync(file, content);
        const again = await spawnServer({ ONION_PRIVATE_KEY_FILE: file }, folder);
        expect(again.start.publicKey).toBe(first.start.publicKey);
        await again.process.stop();
      }
    });
  });

  it('ends with 1 and one list of names and reasons, without values, when the environment is wrong', async () => {
    await inFolder(async (folder) => {
      const secret = 'do-not-print-me';
      const process = new ServerProcess(
        {
          PORT: secret,
          LOG_LEVEL: secret,
          DATABASE_URL: `postgres://user:${secret}@host/db`,
          APNS_TOKEN_KEY_ID: secret,
          FCM_SERVICE_ACCOUNT_FILE: secret,
          HUAWEI_APP_SECRET: secret,
          STATISTICS_PASSWORD: secret,
          NOTIFICATION_TTL_HOURS: '-1',
        },
        folder,
      );
      const { code, stdout, stderr } = await process.exit;
      expect(code).toBe(1);
      expect(stdout).toBe('');
      const [head, ...problems] = stderr.trimEnd().split('\n');
      expect(head).toBe('The configuration is not usable:');
      const named = problems.map((line) => /^ {2}- ([A-Z_]+) \S/.exec(line)?.[1]);
      expect(named).toEqual(
        expect.arrayContaining([
          'PORT',
          'LOG_LEVEL',
          'DATABASE_URL',
          'FCM_SERVICE_ACCOUNT_FILE',
          'NOTIFICATION_TTL_HOURS',
        ]),
      );
      expect(stderr).not.toContain(secret);
      expect(existsSync(join(folder, 'data'))).toBe(false);
    });
  });

  it.each([
    ['APNS_TOKEN_KEY_FILE', { APNS_TOKEN_KEY_ID: 'x', APNS_TOKEN_TEAM_ID: 'y' }],
    ['APNS_CERT_FILE', { APNS_CERT_PASSPHRASE: 'x' }],
    ['HUAWEI_APP_SECRET', { HUAWEI_APP_ID: '1' }],
    ['STATISTICS_USERNAME', { STATISTICS_PASSWORD: 'a long password' }],
  ])('ends with 1 when %s is missing beside what needs it', async (name, env) => {
    await inFolder(async (folder) => {
      const { code, stderr } = await new ServerProcess(env, folder).exit;
      expect(code).toBe(1);
      expect(stderr).toContain(`- ${name} must be set because `);
    });
  });

  it.each([
    ['APNS_TOKEN_KEY_FILE', { APNS_TOKEN_KEY_ID: 'ABCDEFGHIJ', APNS_TOKEN_TEAM_ID: 'ABCDEFGHIJ' }],
    ['FCM_SERVICE_ACCOUNT_FILE', {}],
  ])('ends with 1 when the file of %s holds something else', async (name, env) => {
    await inFolder(async (folder) => {
      const file = join(folder, 'credential');
      writeFileSync(file, 'this is no credential');
      const exit = await new ServerProcess({ ...env, [name]: file }, folder).exit;
      expect(exit.code).toBe(1);
      expect(fatal(exit)).toContain(name);
      expect(exit.stdout).not.toContain('this is no credential');
    });
  });

  it('makes no key where one is said to be, nor on a database whose devices know another one', async () => {
    await inFolder(async (folder) => {
      const env = { ONION_PRIVATE_KEY_FILE: join(folder, 'mistyped.pem'), DATABASE_URL: 'sqlite:push.sqlite' };
      const mistyped = await new ServerProcess(env, folder).exit;
      expect(mistyped.code).toBe(1);
      expect(fatal(mistyped)).toContain(
        `${join(folder, 'mistyped.pem')} does not exist: correct ONION_PRIVATE_KEY_FILE`,
      );
      const { process, onion } = await spawnServer({ DATABASE_URL: env.DATABASE_URL }, folder);
      await onion.send('register', { token: newIosToken(), pubKey: newId() });
      await process.stop();
      rmSync(join(folder, 'data/x25519-priv.pem'));
      const lost = await new ServerProcess({ DATABASE_URL: env.DATABASE_URL }, folder).exit;
      expect(lost.code).toBe(1);
      expect(fatal(lost)).toContain('does not exist, and the database holds registrations that depend on its key');
      expect(existsSync(join(folder, 'data/x25519-priv.pem'))).toBe(false);
    });
  });

  it('ends with 1 and a clear line when the key file is no key', async () => {
    await inFolder(async (folder) => {
      writeFileSync(join(folder, 'key'), 'abc');
      const exit = await new ServerProcess({ ONION_PRIVATE_KEY_FILE: 'key' }, folder).exit;
      expect(exit.code).toBe(1);
      expect(fatal(exit)).toContain('/key (ONION_PRIVATE_KEY_FILE) is not usable');
    });
  });

  it('ends with 1 and a clear line when the port is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    await inFolder(async (folder) => {
      const exit = await new ServerProcess({ PORT: String((other.address() as AddressInfo).port) }, folder).exit;
      expect(exit.code).toBe(1);
      const { port } = other.address() as AddressInfo;
      expect(fatal(exit)).toBe(`the server cannot start: port ${port} is in use, set PORT to another one`);
    });
    other.close();
  });

  it('ends with 1 and a clear line when the database is out of reach', async () => {
    await inFolder(async (folder) => {
      const exit = await new ServerProcess({ DATABASE_URL: 'mysql://user:secret-password@127.0.0.1:1/db' }, folder)
        .exit;
      expect(exit.code).toBe(1);
      expect(fatal(exit)).toBe(
        'the server cannot start: mysql://127.0.0.1:1/db: The database cannot be reached, check DATABASE_URL.',
      );
      expect(exit.stdout).not.toContain('secret-password');
    });
  });

  it.each([
    ['HOST', { HOST: 'nowhere.invalid' }, 'HOST is nowhere.invalid, which is no address of this machine'],
    ['HOST', { HOST: '192.0.2.1' }, 'HOST is 192.0.2.1, which is no address of this machine'],
    [
      'the database',
      { DATABASE_URL: 'sqlite:note/push.sqlite' },
      /^\/.*\/note: .* in the place of a folder\.$|something else/,
    ],
    ['the database', { DATABASE_URL: 'sqlite:note' }, /^sqlite:\/.*\/note: The file .* is not a SQLite database\.$/],
  ])('says what is wrong with %s in one line: %o', async (_what, env, sentence) => {
    await inFolder(async (folder) => {
      writeFileSync(
        join(folder, 'note'),
        'This is a note, and long enough that nobody takes it for an empty file. '.repeat(99),
      );
      const exit = await new ServerProcess(env, folder).exit;
      expect(exit.code).toBe(1);
      const said = fatal(exit).replace('the server cannot start: ', '');
      if (typeof sentence === 'string') expect(said).toBe(sentence);
      else expect(said).toMatch(sentence);
    });
  });

  it('tells at debug where the start ended', async () => {
    await inFolder(async (folder) => {
      const exit = await new ServerProcess({ HOST: '192.0.2.1', LOG_LEVEL: 'debug' }, folder).exit;
      expect(exit.stdout).toContain('"stack":"');
    });
  });

  it('is told to people in lines that they can read, with an address that opens and the key on a line of its own', async () => {
    await inFolder(async (folder) => {
      const process = new ServerProcess({ LOG_FORMAT: 'readable', HOST: '0.0.0.0' }, folder);
      await expect.poll(() => process.stdout, { timeout: 60_000 }).toContain('.env.example');
      const { stdout } = await process.stop();
      const address = /address +(http:\/\/127\.0\.0\.1:\d+), and every other address/.exec(stdout)?.[1];
      expect(address).toBeDefined();
      expect(stdout).toMatch(/public key *\n {4}[0-9a-f]{64}\n/);
      expect(stdout).toContain(`sqlite:${join(folder, 'data/session-push.sqlite')}\n`);
      expect(stdout.match(/not configured/g)).toHaveLength(1);
      expect(stdout).toContain('apns, fcm, huawei, webpush, the statistics page (not configured)');
      expect(stdout).not.toContain('{"level"');
    });
  });

  it.skipIf(SCRIPT === null)('is told like that on a terminal without being asked to', async () => {
    await inFolder(async (folder) => {
      const typed = `echo $$ >pid; exec ${process.execPath} ${join(import.meta.dirname, '../dist/main.js')}`;
      const terminal = spawn(SCRIPT ?? '', ['-qec', typed, '/dev/null'], {
        cwd: folder,
        env: { PATH: process.env['PATH'], HOST: '127.0.0.1', PORT: '0', SHELL: '/bin/sh' },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let seen = '';
      terminal.stdout.setEncoding('utf8').on('data', (part: string) => (seen += part));
      const ended = once(terminal, 'close');
      try {
        await expect.poll(() => seen, { timeout: 60_000 }).toContain('.env.example');
        expect(seen).toMatch(/listening\S*\r\n {4}address +http:\/\/127\.0\.0\.1:\d+\r\n/);
        expect(seen).toMatch(/public key *\r\n {4}[0-9a-f]{64}\r\n/);
        expect(seen).not.toContain('{"level"');
      } finally {
        process.kill(Number(readFileSync(join(folder, 'pid'), 'utf8')));
        await ended;
      }
    });
  });

  it('warns of variables that are almost its own', async () => {
    await inFolder(async (folder) => {
      const { process } = await spawnServer({ APNS_CERTIFICATE: 'x' }, folder);
      const exit = await process.stop();
      expect(bad(exit).filter((line) => line.includes('APNS_CERTIFICATE'))).toHaveLength(1);
    });
  });

  it('reads .env beside it, and the environment wins', async () => {
    await inFolder(async (folder) => {
      writeFileSync(join(folder, '.env'), 'DATABASE_URL=sqlite:from-the-file.sqlite\nLOG_LEVEL=fatal\n');
      const { process, start } = await spawnServer({ LOG_LEVEL: 'info' }, folder);
      expect(start.database).toBe(`sqlite:${join(folder, 'from-the-file.sqlite')}`);
      await process.stop();
    });
  });
});

describeOneDatabase('a second server', (databases) => {
  it('is refused on the same database with a sentence that says what to do, and may start when the first is gone', async () => {
    await inFolder(async (folder) => {
      const env = { DATABASE_URL: await databases.create() };
      const first = await spawnServer(env, folder);
      const exit = await new ServerProcess(env, folder).exit;
      expect(exit.code).toBe(1);
      expect(fatal(exit)).toMatch(/Another server uses this database\. .*DATABASE_URL/);
      await first.process.stop('SIGKILL');
      const third = await spawnServer(env, folder);
      expect((await third.process.stop()).code).toBe(0);
    });
  });

  it('does not see the password in what the first says', async () => {
    await inFolder(async (folder) => {
      const url = await databases.create();
      const { process, start } = await spawnServer({ DATABASE_URL: url, LOG_LEVEL: 'trace' }, folder);
      const { stdout, stderr } = await process.stop();
      const password = url.startsWith('mysql:') ? new URL(url).password : '';
      if (password) expect(stdout + stderr).not.toContain(password);
      expect(url).toContain(start.database.replace(/^mysql:\/\//, ''));
    });
  });
});

describeOneDatabase('a database of something else', (databases) => {
  it('is refused with a sentence that says what to do, and is left as it is', async () => {
    await inFolder(async (folder) => {
      const env = { DATABASE_URL: await databases.create() };
      await query(env.DATABASE_URL, 'CREATE TABLE token_pubkey_table (pubKey VARCHAR(99), token VARCHAR(99))');
      const file = env.DATABASE_URL.replace(/^sqlite:/, '');
      const before = databases.kind === 'sqlite' ? readFileSync(file) : null;
      const exit = await new ServerProcess(env, folder).exit;
      expect(exit.code).toBe(1);
      expect(fatal(exit)).toMatch(
        /^the server cannot start: DATABASE_URL names the original server's database, .* import-v1/,
      );
      if (before) expect(readFileSync(file).equals(before)).toBe(true);
      else expect(await query(env.DATABASE_URL, 'SHOW TABLES')).toHaveLength(1);
    });
  });
});

describeOneDatabase('a database that a newer version has changed', (databases) => {
  it('is refused with a sentence that says what to do, and is left as it is', async () => {
    await inFolder(async (folder) => {
      const env = { DATABASE_URL: await databases.create() };
      const { process } = await spawnServer(env, folder);
      await process.stop();
      // What this version would do again, were it not for the other.
      await query(env.DATABASE_URL, 'DELETE FROM migrations');
      await query(env.DATABASE_URL, "INSERT INTO migrations (timestamp, name) VALUES (9, 'FromTheFuture9')");
      const exit = await new ServerProcess(env, folder).exit;
      expect(exit.code).toBe(1);
      expect(fatal(exit)).toBe(
        'the server cannot start: The database was changed by a newer version of this program (FromTheFuture9). ' +
          'Start that version, or restore a backup of before.',
      );
      expect(await query(env.DATABASE_URL, 'SELECT name FROM migrations')).toEqual([{ name: 'FromTheFuture9' }]);
    });
  });
});
