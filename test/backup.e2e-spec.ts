import Database from 'better-sqlite3';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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
      expect(count(join(folder, file), 'devices')).toBe(1);
      await onion.send('unregister', { token });

      const refused = await runCommand(['restore', file], { folder });
      expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/^A server uses .*Stop it first/)]);
      await first.stop();

      const restored = await runCommand(['restore', file, '--json'], { folder });
      expect([restored.code, restored.stderr]).toEqual([0, '']);
      const { kept } = JSON.parse(restored.stdout) as { kept: string };
      expect(count(join(folder, kept), 'devices')).toBe(0);
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

  it('are for SQLite only', async () => {
    await inFolder(async (folder) => {
      const env = { DATABASE_URL: 'mysql://user:word@127.0.0.1:1/database' };
      const { code, stderr } = await runCommand(['backup'], { folder, env });
      expect([code, stderr]).toEqual([1, expect.stringMatching(/^This is for SQLite.*docs\/operating\.md/)]);
    });
  });
});
