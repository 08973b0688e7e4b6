import Database from 'better-sqlite3';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { DataSource, type EntityManager } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { storedId } from '../../test/support/stored.js';
import { openDataSource } from '../../test/support/test-data-source.js';
import { ClosedGroup } from '../closed-groups/closed-group.entity.js';
import { MetricsService } from '../metrics/metrics.service.js';
import { DatabaseWriter } from './database-writer.js';
import { FlushFailedError } from './wal-flush.js';

const insert = (groupId: string) => (manager: EntityManager) =>
  manager.insert(ClosedGroup, { groupId: storedId(groupId), changedAt: 1 });

describe('what SQLite committed', () => {
  let folder: string;
  let path: string;
  let dataSource: DataSource;
  let writer: DatabaseWriter;

  beforeEach(async () => {
    folder = fs.mkdtempSync(join(tmpdir(), 'spns-flush-'));
    path = join(folder, 'push.sqlite');
    dataSource = await openDataSource(`sqlite:${path}`);
    writer = new DatabaseWriter(dataSource, new MetricsService());
    await writer.write(insert('first'));
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await writer.close();
    await dataSource.destroy();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  const synchronous = async () => (await dataSource.query<{ synchronous: number }[]>('PRAGMA synchronous'))[0];
  const openLogs = () =>
    fs
      .readdirSync('/proc/self/fd')
      .map((descriptor) => {
        try {
          return fs.readlinkSync(`/proc/self/fd/${descriptor}`);
        } catch {
          return '';
        }
      })
      .filter((target) => target === `${path}-wal`).length;
  /** Of the database alone, as if the log had never reached the disk. */
  const groupsWithoutLog = (): unknown[] => {
    const copy = join(folder, 'copy.sqlite');
    fs.copyFileSync(path, copy);
    const database = new Database(copy);
    try {
      return database.prepare('SELECT group_id FROM closed_groups ORDER BY group_id').pluck().all();
    } finally {
      database.close();
    }
  };
  const failOnce = () =>
    vi.spyOn(fs, 'fdatasync').mockImplementationOnce((_, done) => {
      done(Object.assign(new Error('the disk is broken'), { code: 'EIO' }));
    });

  it('is acknowledged once the log is on disk, and holds nobody up meanwhile', async () => {
    let onDisk = (): void => undefined;
    vi.spyOn(fs, 'fdatasync').mockImplementationOnce((_, done) => {
      onDisk = () => done(null);
    });
    let acknowledged = false;
    const written = writer.write(insert('second')).then(() => (acknowledged = true));
    for (let turns = 0; turns < 200; turns++) await turn();
    // Others can read all the while, and see it.
    expect(await dataSource.getRepository(ClosedGroup).count()).toBe(2);
    expect(acknowledged).toBe(false);

    onDisk();
    await written;
  });

  it('is flushed once for writes that come together', async () => {
    expect(await synchronous()).toEqual({ synchronous: 1 });
    const flush = vi.spyOn(fs, 'fdatasync');
    await Promise.all(Array.from({ length: 20 }, (_, index) => writer.write(insert(`g${index}`))));
    // A group that takes long commits, and goes on.
    expect(flush.mock.calls.length).toBeLessThan(5);
  });

  it('is flushed once for writes of which each turn of the event loop brings another', async () => {
    vi.spyOn(performance, 'now').mockReturnValue(performance.now());
    const flush = vi.spyOn(fs, 'fdatasync');
    const written: Promise<unknown>[] = [];
    for (let index = 0; index < 8; index++) {
      written.push(writer.write(insert(`g${index}`)));
      await turn();
    }
    await Promise.all(written);
    expect(flush).toHaveBeenCalledTimes(1);
  });

  it('is not acknowledged when the flush fails, and not done again', async () => {
    failOnce();
    let runs = 0;
    const results = await Promise.allSettled(
      ['a', 'b', 'c'].map((name) =>
        writer.write((manager) => {
          runs++;
          return insert(name)(manager);
        }),
      ),
    );
    expect(results.map((result) => result.status === 'rejected' && (result.reason as unknown))).toEqual([
      expect.any(FlushFailedError),
      expect.any(FlushFailedError),
      expect.any(FlushFailedError),
    ]);
    expect(runs).toBe(3);
  });

  it('is moved to the database after a flush that failed, before anything else is acknowledged', async () => {
    failOnce();
    await expect(writer.write(insert('second'))).rejects.toThrow(FlushFailedError);
    await writer.write(async (manager) => {
      expect(groupsWithoutLog()).toEqual(['first', 'second']);
      await insert('third')(manager);
    });
    expect(await dataSource.getRepository(ClosedGroup).count()).toBe(3);
  });

  it('is refused while the log that could not be flushed cannot be moved', async () => {
    failOnce();
    await expect(writer.write(insert('second'))).rejects.toThrow(FlushFailedError);
    const reader = new Database(path);
    reader.exec('BEGIN; SELECT * FROM closed_groups');
    await dataSource.query('PRAGMA busy_timeout = 0');
    await expect(writer.write(insert('third'))).rejects.toThrow('the log is still in use');
    reader.exec('COMMIT');
    reader.close();
    await writer.write(insert('third'));
  });

  it('is flushed after the writer gave its descriptor back, too', async () => {
    expect(openLogs()).toBeGreaterThan(0);
    const before = openLogs();
    await writer.close();
    expect(openLogs()).toBe(before - 1);
    const flush = vi.spyOn(fs, 'fdatasync');
    await writer.write(insert('late'));
    expect(flush).toHaveBeenCalledTimes(1);
  });

  it('is flushed by SQLite where there is no such log', async () => {
    await dataSource.query('PRAGMA journal_mode = DELETE');
    await dataSource.query('PRAGMA synchronous = FULL');
    const other = new DatabaseWriter(dataSource, new MetricsService());
    const flush = vi.spyOn(fs, 'fdatasync');
    await other.write(insert('second'));
    expect(flush).not.toHaveBeenCalled();
    expect(await synchronous()).toEqual({ synchronous: 2 });
  });
});
