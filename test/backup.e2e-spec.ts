import Database from 'better-sqlite3';
import { type ChildProcess } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from './support/command-line.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { newData, newId, newIosToken } from './support/people.js';
import { inFolder, spawnServer } from './support/spawned-server.js';

const SECOND = String(1 / 3600);
const count = (file: string, table: string): number => {
  const database = new Database(file, { readonly: true });
  const row = database.prepare(`SELECT COUNT(*) AS rows_in_all FROM ${table}`).get() as { rows_in_all: number };
  const whole = database.pragma('integrity_check', { simple: true });
  database.close();
  if (whole !== 'ok') throw new Error(`${file} is damaged: ${String(whole)}`);
  return row.rows_in_all;
};

/** The user of the server; not the one who runs the tests, where that one may give files away. */
const SERVER_USER = process.geteuid?.() === 0 ? 65_534 : process.geteuid?.();
const giveToServerUser = (path: string): void => {
  if (SERVER_USER !== undefined) chownSync(path, SERVER_USER, statSync(path).gid);
};

/** Once the copy has begun. */
async function breakOff(child: ChildProcess, backups: string): Promise<void> {
  const hasBegun = () => existsSync(backups) && readdirSync(backups).some((name) => name.endsWith('-journal'));
  while (child.exitCode === null && !hasBegun()) await sleep(1);
  child.kill('SIGINT');
}

describe('backups', () => {
  let gateways: TestGateways;
  beforeAll(async () => void (gateways = await startGateways()));
  afterAll(() => gateways.close());

  it('are taken on schedule while requests are answered, and only the newest stay', async () => {
    await inFolder(async (folder) => {
      const env = { ...gateways.environment, BACKUP_INTERVAL_HOURS: SECOND, BACKUP_KEEP: '2', WORKERS: '2' };
      const { process: server, onion } = await spawnServer(env, folder);
      const backups = join(folder, 'data/backups');
      writeFileSync(join(folder, 'data/somebody-elses.sqlite'), '');
      let slowestMs = 0;
      for (const end = Date.now() + 5000; Date.now() < end;) {
        const began = performance.now();
        await onion.send('register', { pubKey: newId(), token: newIosToken() });
        slowestMs = Math.max(slowestMs, performance.now() - began);
      }
      await server.waitForLine('the database is backed up');
      expect((await server.stop()).code).toBe(0);
      const files = readdirSync(backups);
      expect(files).toHaveLength(2);
      for (const file of files) {
        expect(file).toMatch(/^session-push-\d{8}T\d{6}Z\.sqlite$/);
        expect(statSync(join(backups, file)).mode & 0o777).toBe(0o600);
        expect(count(join(backups, file), 'devices')).toBeGreaterThan(0);
      }
      expect(slowestMs).toBeLessThan(2000);
    });
  });

  it('are not taken when they are off', async () => {
    await inFolder(async (folder) => {
      const { process: server } = await spawnServer({ BACKUP_INTERVAL_HOURS: '0' }, folder);
      await sleep(1500);
      await server.stop();
      expect(existsSync(join(folder, 'data/backups'))).toBe(false);
    });
  });

  it('give a working server back', async () => {
    await inFolder(async (folder) => {
      const { process: first, onion } = await spawnServer(gateways.environment, folder);
      const [id, token] = [newId(), newIosToken()];
      await onion.send('register', { pubKey: id, token });
      // While the server works.
      const { code, stdout } = await runCommand(['backup', '--json'], { folder });
      expect(code).toBe(0);
      const { file } = JSON.parse(stdout) as { file: string };
      expect(count(resolve(folder, file), 'devices')).toBe(1);
      await onion.send('unregister', { token });

      const refused = await runCommand(['restore', file], { folder });
      expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/^A server uses .*Stop it first/)]);
      await first.stop();

      const restored = await runCommand(['restore', file, '--json'], { folder });
      expect([restored.code, restored.stderr]).toEqual([0, '']);
      const { kept } = JSON.parse(restored.stdout) as { kept: string };
      expect(count(resolve(folder, kept), 'devices')).toBe(0);
      expect(statSync(join(folder, 'data/session-push.sqlite')).mode & 0o777).toBe(0o600);

      const { process: second, onion: again } = await spawnServer(gateways.environment, folder);
      const answer = await again.send('notify', { send_to: id, data: newData() });
      expect(answer.status).toBe(200);
      for (const end = Date.now() + 5000; gateways.apns.received.length === 0 && Date.now() < end; await sleep(20));
      expect(gateways.apns.received.map((push) => push.token)).toEqual([token]);
      await second.stop();
    });
  });

  it('are put in the place of a database that is damaged or gone', async () => {
    await inFolder(async (folder) => {
      const database = join(folder, 'data/session-push.sqlite');
      await runCommand(['migrate'], { folder });
      const { file } = JSON.parse((await runCommand(['backup', '--json'], { folder })).stdout) as { file: string };
      writeFileSync(database, 'not a database any more '.repeat(1000));
      expect((await runCommand(['restore', file], { folder })).code).toBe(0);
      expect(count(database, 'devices')).toBe(0);
    });
  });

  it.each([
    ['the database', 'session-push.sqlite'],
    ['the folder of a database that is gone', ''],
  ])('belong to whom %s belongs to, and so does what is restored', async (_what, model) => {
    await inFolder(async (folder) => {
      const data = join(folder, 'data');
      await runCommand(['migrate'], { folder });
      giveToServerUser(join(data, 'session-push.sqlite'));
      const { file } = JSON.parse((await runCommand(['backup', '--json'], { folder })).stdout) as { file: string };
      const restored = ['session-push.sqlite', 'session-push.sqlite.lock'].map((name) => join(data, name));
      if (model === '') {
        giveToServerUser(data);
        for (const path of restored) rmSync(path, { force: true });
      }
      expect((await runCommand(['restore', file], { folder })).code).toBe(0);
      const owners = [join(data, 'backups'), resolve(folder, file), ...restored].map((path) => statSync(path).uid);
      expect(owners).toEqual(owners.map(() => SERVER_USER));
    });
  });

  it.each([
    ['is not there', null, /^There is no file/],
    ['is something else', 'something else '.repeat(100), /is no SQLite database/],
    ['is cut off', 'cut', /is damaged|is no SQLite database/],
    ['is another program’s', 'other', /is not a database of this server/],
  ])('are refused when the file %s', async (_what, content, message) => {
    await inFolder(async (folder) => {
      const database = join(folder, 'data/session-push.sqlite');
      await runCommand(['migrate'], { folder });
      const file = join(folder, 'copy.sqlite');
      if (content === 'other') new Database(file).exec('CREATE TABLE devices (id INTEGER)').close();
      else if (content === 'cut') {
        const copy = new Database(database);
        const whole = copy.serialize();
        copy.close();
        writeFileSync(file, whole.subarray(0, whole.length - 9000));
      } else if (content !== null) writeFileSync(file, content);
      const { code, stderr } = await runCommand(['restore', file], { folder });
      expect(code).toBe(1);
      expect(stderr).toMatch(message);
      expect(count(database, 'devices')).toBe(0);
    });
  });

  it.each([
    ['there is no database', null, /^There is no database at .*node \S+\/dist\/cli\/main\.js migrate\n$/],
    ['it is a folder', 'folder', /is no file, so no database\. Check DATABASE_URL\.\n$/],
    ['it is another program’s', 'other', /is not a database of this server\. Check DATABASE_URL\.\n$/],
  ])('are not taken, and nothing is made, when %s', async (_what, content, message) => {
    await inFolder(async (folder) => {
      if (content === 'folder') mkdirSync(join(folder, 'push.sqlite'));
      if (content === 'other')
        new Database(join(folder, 'push.sqlite')).exec('CREATE TABLE devices (id INTEGER)').close();
      const before = readdirSync(folder);
      const env = { DATABASE_URL: 'sqlite:push.sqlite' };
      const { code, stderr } = await runCommand(['backup'], { folder, env });
      expect([code, stderr]).toEqual([1, expect.stringMatching(message)]);
      expect(readdirSync(folder)).toEqual(before);
    });
  });

  it.each([
    ['in a folder that cannot be made', '/proc/x'],
    ['below a file', 'data/session-push.sqlite/backups'],
  ])('say in one sentence that they cannot be taken %s', async (_what, to) => {
    await inFolder(async (folder) => {
      await runCommand(['migrate'], { folder });
      const { code, stderr } = await runCommand(['backup', '--to', to], { folder });
      expect([code, stderr]).toEqual([
        1,
        expect.stringMatching(/^No copy can be made in .*: .*Give another folder.*\n$/),
      ]);
    });
  });

  it('leave nothing when they are broken off with Ctrl-C', async () => {
    await inFolder(async (folder) => {
      await runCommand(['migrate'], { folder });
      const database = new Database(join(folder, 'data/session-push.sqlite'));
      database.exec('CREATE TABLE filler AS SELECT zeroblob(200 * 1024 * 1024) AS zeros').close();
      const backups = join(folder, 'data/backups');
      const ended = runCommand(['backup'], { folder, onSpawn: (child) => void breakOff(child, backups) });
      expect(await ended).toEqual({
        code: 1,
        stdout: '',
        stderr: 'The backup was broken off. Nothing is left of it.\n',
      });
      expect(readdirSync(backups)).toEqual([]);
    });
  });

  it('are for SQLite only', async () => {
    await inFolder(async (folder) => {
      const env = { DATABASE_URL: 'mysql://user:word@127.0.0.1:1/database' };
      const { code, stderr } = await runCommand(['backup'], { folder, env });
      expect([code, stderr]).toEqual([1, expect.stringMatching(/^This is for SQLite.*docs\/operating\.md/)]);
    });
  });
});
