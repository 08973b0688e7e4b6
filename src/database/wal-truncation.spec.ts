import Database from 'better-sqlite3';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDataSource } from '../../test/support/test-data-source.js';
import { parseConfig } from '../config/app-config.js';
import { Device } from '../devices/device.entity.js';
import { MetricsService } from '../metrics/metrics.service.js';
import { DatabaseWriter } from './database-writer.js';
import { WalTruncation } from './wal-truncation.js';

/** Of 300. */
const MOST_LEFT = 5;
const newTokens = () => Array.from({ length: 300 }, () => randomBytes(32).toString('hex'));

describe('what was deleted', () => {
  let folder: string;
  let path: string;
  let dataSource: DataSource;
  let writer: DatabaseWriter;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'spns-wal-'));
    path = join(folder, 'push.sqlite');
    dataSource = await openDataSource(`sqlite:${path}`);
    writer = new DatabaseWriter(dataSource, new MetricsService());
  });
  afterEach(async () => {
    await dataSource.destroy();
    rmSync(folder, { recursive: true, force: true });
  });

  const walTruncation = () =>
    new WalTruncation(parseConfig({ DATABASE_URL: `sqlite:${path}` }), {
      accepts: true,
      delivers: true,
      watches: true,
      leads: true,
    });
  const register = (tokens: string[]) =>
    writer.write((manager) =>
      manager.insert(
        Device,
        tokens.map((token) => ({
          token,
          sessionId: `05${token}`,
          deviceType: 'ios' as const,
          legacyGroupsOnly: false,
          registeredAt: 0,
          apnsEnvironment: null,
        })),
      ),
    );
  const unregister = (tokens: string[]) =>
    writer.write(async (manager) => {
      for (const token of tokens) await manager.delete(Device, { token });
    });
  /** How many of them can be read in the database or in what lies beside it. */
  const readable = (tokens: string[]): number => {
    const files = ['', '-wal', '-journal'].map((suffix) => path + suffix).filter((file) => existsSync(file));
    const bytes = Buffer.concat(files.map((file) => readFileSync(file))).toString('latin1');
    return tokens.filter((token) => bytes.includes(token)).length;
  };

  it('is in no file any more within a minute, but for what SQLite forgot while it moved entries, which VACUUM removes', async () => {
    const [gone, kept] = [newTokens(), newTokens()];
    await register(gone);
    await register(kept);
    await unregister(gone);
    expect(readable(gone)).toBeGreaterThan(0);
    expect(await walTruncation().truncate()).toBe(true);
    // A page that gave entries to its neighbour may keep their bytes in its unused part: of one in some ten thousand.
    expect(readable(gone)).toBeLessThanOrEqual(MOST_LEFT);
    expect(readable(kept)).toBe(300);
    await dataSource.query('VACUUM');
    expect(await walTruncation().truncate()).toBe(true);
    expect(readable(gone)).toBe(0);
    expect(await dataSource.getRepository(Device).count()).toBe(300);
  });

  it('stays in the log while somebody reads an earlier state, and the event loop goes on', async () => {
    const tokens = newTokens();
    await register(tokens);
    const reader = new Database(path, { readonly: true });
    reader.exec('BEGIN');
    reader.prepare('SELECT COUNT(*) FROM devices').get();
    await unregister(tokens);
    let turns = 0;
    const counting = setInterval(() => turns++, 10);
    const truncation = walTruncation();
    expect(await truncation.truncate()).toBe(false);
    clearInterval(counting);
    expect(turns).toBeGreaterThan(5);
    reader.close();
    expect(await truncation.truncate()).toBe(true);
    expect(readable(tokens)).toBeLessThanOrEqual(MOST_LEFT);
  });

  it('does not leave a large log when nobody reads any more', async () => {
    const reader = new Database(path, { readonly: true });
    reader.exec('BEGIN');
    reader.prepare('SELECT COUNT(*) FROM devices').get();
    await dataSource.query('CREATE TABLE filler (bytes BLOB)');
    for (let count = 0; count < 20; count++) {
      await writer.write((manager) => manager.query('INSERT INTO filler VALUES (randomblob(1048576))'));
    }
    expect(statSync(`${path}-wal`).size).toBeGreaterThan(20 * 1024 * 1024);
    reader.close();
    for (let count = 0; count < 3; count++) {
      await writer.write((manager) => manager.query('INSERT INTO filler VALUES (randomblob(5000000))'));
    }
    expect(statSync(`${path}-wal`).size).toBeLessThanOrEqual(17 * 1024 * 1024);
  });

  it('is none of the business of a database that has no log', async () => {
    await dataSource.destroy();
    expect(await walTruncation().truncate()).toBe(true);
    await dataSource.initialize();
  });
});
