import Database from 'better-sqlite3';
import { randomBytes } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openDataSource } from '../../test/support/test-data-source.js';
import { parseConfig } from '../config/app-config.js';
import { dutiesOf, type Seat } from '../config/duties.js';
import { Device } from '../devices/device.entity.js';
import { MetricsService } from '../metrics/metrics.service.js';
import { DatabaseWriter } from './database-writer.js';
import { WalMoves } from './wal-moves.js';
import { BEGUN_BYTES, type Checkpoint, WalThread } from './wal-thread.js';

/** Of 300. */
const MOST_LEFT = 5;
const newTokens = () => Array.from({ length: 300 }, () => randomBytes(32).toString('hex'));

let folder: string;
let path: string;
let dataSource: DataSource;
let writer: DatabaseWriter;
let moves: WalMoves;

const walMoves = (seat: Seat = 'alone'): WalMoves => {
  const config = parseConfig({ DATABASE_URL: `sqlite:${path}` });
  return new WalMoves(config, dutiesOf(config, seat), dataSource);
};

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'spns-wal-'));
  path = join(folder, 'push.sqlite');
  dataSource = await openDataSource(`sqlite:${path}`);
  writer = new DatabaseWriter(dataSource, new MetricsService());
  moves = walMoves();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await moves.onApplicationShutdown();
  await writer.close();
  await dataSource.destroy();
  rmSync(folder, { recursive: true, force: true });
});

describe('what was deleted', () => {
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
    expect(await moves.truncate()).toBe(true);
    // A page that gave entries to its neighbour may keep their bytes in its unused part: of one in some ten thousand.
    expect(readable(gone)).toBeLessThanOrEqual(MOST_LEFT);
    expect(readable(kept)).toBe(300);
    await dataSource.query('VACUUM');
    expect(await moves.truncate()).toBe(true);
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
    expect(await moves.truncate()).toBe(false);
    clearInterval(counting);
    expect(turns).toBeGreaterThan(5);
    reader.close();
    expect(await moves.truncate()).toBe(true);
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
    expect(await moves.truncate()).toBe(true);
    await dataSource.initialize();
  });
});

describe('a long log', () => {
  beforeEach(async () => {
    await moves.onModuleInit();
    await dataSource.query('CREATE TABLE filler (bytes BLOB)');
  });

  const MIB = 1024 * 1024;
  const write = async (mib: number): Promise<void> => {
    for (let count = 0; count < mib; count++) {
      await writer.write((manager) => manager.query(`INSERT INTO filler VALUES (randomblob(${MIB}))`));
    }
  };
  const log = async (): Promise<Checkpoint | undefined> =>
    (await dataSource.query<Checkpoint[]>('PRAGMA wal_checkpoint(NOOP)'))[0];
  const bytesOfDatabase = () => statSync(path).size;
  /** Another one for each log. */
  const salt = () => readFileSync(`${path}-wal`).subarray(16, 24);

  it('is not moved by a commit, and by the thread before the next one', async () => {
    const before = bytesOfDatabase();
    await write(20);
    expect(bytesOfDatabase()).toBe(before);
    await moves.moveLong();
    expect(bytesOfDatabase()).toBeGreaterThan(20 * MIB);
    await write(1);
    expect((await log())?.log).toBeLessThan(400);
    expect(statSync(`${path}-wal`).size).toBeLessThanOrEqual(17 * MIB);
  });

  it('is moved while the event loop goes on and others write', async () => {
    await write(20);
    let turns = 0;
    const counting = setInterval(() => turns++, 1);
    const moving = moves.moveLong();
    const written = write(10);
    await moving;
    clearInterval(counting);
    await written;
    expect(turns).toBeGreaterThan(5);
    await moves.moveLong();
    expect(await dataSource.query('SELECT COUNT(*) AS count FROM filler')).toEqual([{ count: 30 }]);
  });

  it('is left alone until it is long', async () => {
    const thread = vi.spyOn(WalThread.prototype, 'checkpoint');
    await write(10);
    await moves.moveLong();
    expect(thread).not.toHaveBeenCalled();
  });

  it('is moved by a commit when nothing else moves it', async () => {
    await write(70);
    expect(bytesOfDatabase()).toBeGreaterThan(60 * MIB);
  });

  it('is moved as far as somebody who reads an earlier state lets it, and wholly after that', async () => {
    await write(10);
    const reader = new Database(path, { readonly: true });
    reader.exec('BEGIN');
    reader.prepare('SELECT COUNT(*) FROM filler').get();
    await write(10);
    await moves.moveLong();
    expect(await log()).toMatchObject({ busy: 0 });
    const { log: pages = 0, checkpointed = 0 } = (await log()) ?? {};
    expect(checkpointed).toBeGreaterThan(2000);
    expect(checkpointed).toBeLessThan(pages);
    // Whoever writes has not to wait for who reads.
    await write(1);
    reader.close();
    await moves.moveLong();
    await write(1);
    expect((await log())?.log).toBeLessThan(400);
  });

  it('is emptied but for a first page, once', async () => {
    await write(20);
    expect(await moves.truncate()).toBe(true);
    expect(statSync(`${path}-wal`).size).toBe(BEGUN_BYTES);
    const thread = vi.spyOn(WalThread.prototype, 'checkpoint');
    expect(await moves.truncate()).toBe(true);
    expect(thread).not.toHaveBeenCalled();
    await write(1);
    expect(await moves.truncate()).toBe(true);
    expect(statSync(`${path}-wal`).size).toBe(BEGUN_BYTES);
  });

  it('is emptied again when another than the thread wrote its first page', async () => {
    await dataSource.query('CREATE TABLE single (value INTEGER)');
    await dataSource.query('INSERT INTO single VALUES (1)');
    vi.spyOn(WalThread.prototype, 'checkpoint').mockImplementation(async (mode) => {
      const database = new Database(path);
      const [result] = database.pragma(`wal_checkpoint(${mode})`) as [Checkpoint];
      database.close();
      return { ...result, begun: false };
    });
    expect(await moves.truncate()).toBe(true);
    await dataSource.query('UPDATE single SET value = 2');
    expect(statSync(`${path}-wal`).size).toBe(BEGUN_BYTES);
    expect(await moves.truncate()).toBe(true);
    expect(statSync(`${path}-wal`).size).toBe(0);
  });

  it('begins anew with a page that the thread has flushed', async () => {
    await write(20);
    const saltBefore = salt();
    await moves.moveLong();
    expect(salt()).not.toEqual(saltBefore);
    expect(await log()).toMatchObject({ log: 1 });
  });

  it('is the business of the process that leads', async () => {
    const thread = vi.spyOn(WalThread.prototype, 'checkpoint');
    await write(20);
    const follower = walMoves('follower');
    await follower.moveLong();
    expect(await follower.truncate()).toBe(true);
    expect(thread).not.toHaveBeenCalled();
    expect(bytesOfDatabase()).toBeLessThan(MIB);
  });

  it('is tried again a minute after it could not be moved', async () => {
    const warn = vi.spyOn(Logger.prototype, 'warn').mockReturnValue(undefined);
    await write(20);
    const checkpoint = vi.spyOn(WalThread.prototype, 'checkpoint');
    checkpoint.mockRejectedValueOnce(new Error('disk I/O error'));
    await moves.moveLong();
    await moves.moveLong();
    expect(checkpoint).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls).toEqual([
      [
        expect.objectContaining({
          msg: 'the write-ahead log could not be moved',
          error: expect.objectContaining({ message: 'disk I/O error' }) as unknown,
        }),
      ],
    ]);
    vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 60_001);
    await moves.moveLong();
    expect(bytesOfDatabase()).toBeGreaterThan(20 * MIB);
  });

  it('is not moved any more once the server stops', async () => {
    await write(20);
    await moves.moveLong();
    await moves.onApplicationShutdown();
    const thread = vi.spyOn(WalThread.prototype, 'checkpoint');
    await write(20);
    await moves.moveLong();
    expect(thread).not.toHaveBeenCalled();
  });
});

describe('the thread that moves the log', () => {
  it('tells whoever asked what it died of', async () => {
    const thread = new WalThread('/nowhere/push.sqlite');
    await expect(thread.checkpoint('NOOP')).rejects.toThrow('directory does not exist');
    await expect(thread.checkpoint('NOOP')).rejects.toThrow('directory does not exist');
    expect(thread.hasEnded).toBe(true);
  });

  it('says what SQLite says, and goes on', async () => {
    const file = join(folder, 'none.sqlite');
    writeFileSync(file, 'this is no database, and long enough to be taken for one by nobody'.repeat(100));
    const thread = new WalThread(file);
    for (let time = 0; time < 2; time++) {
      await expect(thread.checkpoint('PASSIVE')).rejects.toThrow('file is not a database');
    }
    await thread.close();
  });
});
