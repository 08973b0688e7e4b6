import { MetricsService } from '../../src/metrics/metrics.service.js';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { takeBackup } from '../../src/database/backups/take-backup.js';
import { DatabaseWriter } from '../../src/database/database-writer.js';
import { inPowersOfTwo } from '../../src/database/statement-sizes.js';
import { endOfGeneration } from '../../src/sealing/sealing.protocol.js';
import { KeyedSealing, NoSealing } from '../../src/sealing/sealing.js';
import { arrival, contentOf, push } from '../faults/phones.js';
import { runCommand } from '../support/command-line.js';
import { describeEachDatabase } from '../support/databases.js';
import { startGateways, type TestGateways } from '../support/gateways.js';
import { newAndroidToken, newData, newId } from '../support/people.js';
import { query } from '../support/query.js';
import { rawBytes } from '../support/raw-storage.js';
import { sealingOf } from '../support/data-keys.js';
import { inFolder, ServerProcess, spawnServer } from '../support/spawned-server.js';
import { openDataSource } from '../support/test-data-source.js';
import { TestServer } from '../support/test-server.js';
import { expectAllAtWork, fillDatabase, type FullDatabase } from './full-database.js';

describeEachDatabase('a database of before', (databases) => {
  let folder: string;
  let file: string;
  let gateways: TestGateways;
  let server: TestServer;
  let full: FullDatabase;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'spns-conversion-'));
    file = join(folder, 'data.key');
    gateways = await startGateways();
    server = await TestServer.start({ database: await databases.create(), gateways });
    full = await fillDatabase(server, gateways);
  });
  afterEach(async () => {
    await server.close();
    await gateways.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const revealing = () => [...full.ids, ...full.tokens];
  const found = (bytes: Buffer): number => revealing().filter((text) => bytes.includes(text)).length;

  it('reveals nothing any more once it is sealed, and everything in it works on', async () => {
    expect(found(await rawBytes(server.database))).toBe(revealing().length);
    await server.open({ DATA_KEY_FILE: file });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(server.log.find("sealing the ids and tokens in the database', rows: 8")).toHaveLength(1);
    expect(server.log.find('remove them once a copy of the data key is safe')).toHaveLength(1);
    await expectAllAtWork(server, gateways, full);
    expect(found(await rawBytes(server.database))).toBe(0);
    expect((await server.send('unregister', { token: full.phone.token })).body).toMatchObject({ code: 1 });
    expect(await query(server.database, 'SELECT * FROM suspect_tokens')).toEqual([]);
    await server.restart({ DATA_KEY_FILE: file });
    expect(server.log.find('sealing the ids')).toHaveLength(1);
  });

  it('is refused without the key, with another one, and when the key is gone', async () => {
    await server.open({ DATA_KEY_FILE: file });
    await server.app.close();
    await expect(server.open()).rejects.toThrow('The database is sealed: set DATA_KEY_FILE');
    const other = join(folder, 'other.key');
    writeFileSync(other, randomBytes(32).toString('hex'));
    await expect(server.open({ DATA_KEY_FILE: other })).rejects.toThrow('sealed with another key');
    await expect(server.open({ DATA_KEY_FILE: join(folder, 'absent') })).rejects.toThrow('put a copy of it back');
    expect(existsSync(join(folder, 'absent'))).toBe(false);
    await server.open({ DATA_KEY_FILE: file });
    await gateways.fcm.listenAgain();
    await server.idle();
  });

  const testBackups = () =>
    it('has backups that reveal nothing, and works when one is restored', async () => {
      const path = server.database.slice('sqlite:'.length);
      const env = { DATABASE_URL: server.database, DATA_KEY_FILE: file };
      const before = await takeBackup(path, join(folder, 'before'));
      expect(found(readFileSync(before))).toBeGreaterThan(0);
      await server.open(env);
      const backup = await takeBackup(path, join(folder, 'after'));
      expect(found(readFileSync(backup))).toBe(0);
      const { phone } = full;
      await server.send('unregister', { token: phone.token });
      await server.app.close();
      expect((await runCommand(['restore', backup], { folder, env })).code).toBe(0);
      await server.open({ DATA_KEY_FILE: file });
      await arrival(gateways, phone, await push(server, phone));
      await server.app.close();
      // A plain backup is sealed when the server starts on it.
      expect((await runCommand(['restore', before], { folder, env })).code).toBe(0);
      await server.open({ DATA_KEY_FILE: file });
      expect(found(await rawBytes(server.database))).toBe(0);
      await gateways.fcm.listenAgain();
      await arrival(gateways, phone, await push(server, phone));
      await server.idle();
    });
  // MariaDB is backed up with its own tools.
  if (databases.kind === 'sqlite') testBackups();
});

/** Lets nobody get past the removal of this device until the returned function is called. */
async function holdDevice(url: string, token: string): Promise<() => Promise<void>> {
  if (url.startsWith('sqlite:')) {
    // There are no locks of single rows: the statement that removes this one does not end.
    const endless =
      'WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers) SELECT MAX(n) FROM numbers';
    const when = `BEFORE DELETE ON devices WHEN OLD.token = '${token}'`;
    await query(url, `CREATE TRIGGER hold ${when} BEGIN SELECT (${endless}); END`);
    return async () => void (await query(url, 'DROP TRIGGER hold'));
  }
  const connection = await createConnection(url);
  await connection.beginTransaction();
  await connection.query('SELECT token FROM devices WHERE token = ? FOR UPDATE', [token]);
  return () => connection.end();
}

const earlierKey = randomBytes(32);
const laterKeys = [earlierKey, randomBytes(32)];

/** How the rows are stored before it. */
const FORMER = { 'of plain rows': new NoSealing(), 'to a later data key': new KeyedSealing(earlierKey) };

for (const [what, former] of Object.entries(FORMER)) {
  describeEachDatabase(`a conversion ${what} that is killed`, (databases) => {
    const ROWS = 60_000;
    const devices = Array.from({ length: ROWS }, () => ({ token: newAndroidToken(), id: newId() }));
    const stored = devices.map(({ token, id }) => ({ token: former.token(token), id: former.id(id) }));
    const inOrder = stored.toSorted((one, other) => (one.token < other.token ? -1 : 1));
    const end = endOfGeneration(former.generation + 1);
    let url: string;
    beforeAll(async () => {
      url = await databases.create();
      const dataSource = await openDataSource(url);
      const writer = new DatabaseWriter(dataSource, new MetricsService());
      await writer.write(async (manager) => {
        for (const some of inPowersOfTwo(stored)) {
          await manager.query(
            `INSERT INTO devices (token, session_id, device_type, legacy_groups_only, registered_at, apns_environment) VALUES ${some.map(() => "(?, ?, 'android', 0, 1, NULL)").join(', ')}`,
            some.flatMap(({ token, id }) => [token, id]),
          );
        }
        if (former.keyCheck !== null) await manager.query('INSERT INTO sealing VALUES (?, 0)', [former.keyCheck]);
      });
      await dataSource.destroy();
    }, 60_000);

    const sealedRows = async (): Promise<number> => {
      const [row] = await query(url, `SELECT COUNT(*) AS sealed FROM devices WHERE token < '${end}'`);
      return Number(row?.['sealed']);
    };

    it('goes on at the next start until everything is sealed, each row once', async () => {
      await inFolder(async (folder) => {
        const file = join(folder, 'data.key');
        // Apps know the server already, so it makes no key of its own.
        const onion = { ONION_PRIVATE_KEY_FILE: join(folder, 'onion.key') };
        writeFileSync(onion.ONION_PRIVATE_KEY_FILE, randomBytes(32));
        if (former.isOn) writeFileSync(file, laterKeys.map((key) => `${key.toString('hex')}\n`).join(''));
        const env = { DATABASE_URL: url, DATA_KEY_FILE: file, ...onion };
        const doneWhenKilled: number[] = [];
        for (let kill = 1; kill <= 2; kill++) {
          const before = await sealedRows();
          // However late the kill comes, this is as far as the conversion gets.
          const letGo = await holdDevice(url, inOrder[kill * 20_000 + 5000]?.token ?? '');
          const killed = new ServerProcess(env, folder);
          try {
            await vi.waitUntil(async () => (await sealedRows()) > before, { timeout: 60_000, interval: 5 });
          } finally {
            await killed.stop('SIGKILL');
            await letGo();
          }
          expect(killed.log.some(({ msg }) => msg === 'listening')).toBe(false);
          doneWhenKilled.push(await sealedRows());
        }
        expect(doneWhenKilled[0]).toBeGreaterThan(0);
        expect(doneWhenKilled[1]).toBeGreaterThan(doneWhenKilled[0] ?? 0);
        expect(doneWhenKilled[1]).toBeLessThan(ROWS);

        const withoutKey = await new ServerProcess({ DATABASE_URL: url, ...onion }, folder).exit;
        expect(withoutKey.code).toBe(1);
        expect(withoutKey.stdout).toContain('the server cannot start: The database is sealed: set DATA_KEY_FILE');

        const { process: server } = await spawnServer(env, folder);
        const sealing = sealingOf(file);
        const rows = await query(url, 'SELECT token, session_id FROM devices');
        expect(new Set(rows.map((row) => `${String(row['token'])}${String(row['session_id'])}`))).toEqual(
          new Set(devices.map(({ token, id }) => sealing.token(token) + sealing.id(id))),
        );
        const bytes = await rawBytes(url);
        for (const { token, id } of stored.slice(0, 50).concat(stored.slice(-50))) {
          expect([bytes.includes(token), bytes.includes(id)]).toEqual([false, false]);
        }
        await server.stop();
      });
    }, 240_000);
  });
}

describe('several processes', () => {
  let gateways: TestGateways;
  beforeAll(async () => void (gateways = await startGateways()));
  afterAll(() => gateways.close());

  it('share the key that the first of them makes', async () => {
    await inFolder(async (folder) => {
      const env = { ...gateways.environment, DATA_KEY_FILE: 'data/data.key', WORKERS: '2' };
      const { process: server, onion } = await spawnServer(env, folder);
      const [pubKey, token, data] = [newId(), newAndroidToken(), newData()];
      for (let request = 0; request < 8; request++) await onion.send('register', { pubKey, token });
      await onion.send('notify', { send_to: pubKey, data });
      const [received] = await gateways.fcm.waitForPush(1);
      expect(received && [received.token, contentOf(received)]).toEqual([token, data]);
      const stored = await query(`sqlite:${join(folder, 'data/session-push.sqlite')}`, 'SELECT token FROM devices');
      const sealing = sealingOf(join(folder, 'data/data.key'));
      expect(stored).toEqual([{ token: sealing.token(token) }]);
      await server.stop();
    });
  });
});
