import Database from 'better-sqlite3';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { restoreBackup } from './restore-backup.js';
import { takeBackup } from './take-backup.js';

/** A database of ours by its tables, of about 1 MB. */
const TABLES = `CREATE TABLE migrations (name); CREATE TABLE devices AS
  WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000)
  SELECT n, hex(randomblob(500)) AS token FROM numbers`;
const NOBODY = 65_534;
const NOON = Date.UTC(2026, 10, 22, 12);

/** Root may write anywhere. */
function withoutRights<T>(work: () => T): T {
  const user = process.geteuid?.();
  if (user !== 0) return work();
  process.seteuid?.(NOBODY);
  try {
    return work();
  } finally {
    process.seteuid?.(user);
  }
}

/** The labels, and what was counted of what there was to count. */
class Bars {
  readonly drawn: { label: string; total: number; done: number; isFinished: boolean }[] = [];

  readonly start = (label: string, total: number) => {
    const bar = { label, total, done: 0, isFinished: false };
    this.drawn.push(bar);
    return { advance: (by: number) => void (bar.done += by), finish: () => void (bar.isFinished = true) };
  };
}

describe('a copy of the database', () => {
  let folder: string;
  let database: string;
  let backups: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'spns-copies-'));
    chmodSync(folder, 0o777);
    database = join(folder, 'push.sqlite');
    backups = join(folder, 'backups');
    const source = new Database(database);
    source.pragma('journal_mode = WAL');
    source.exec(TABLES).close();
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is one file that needs no other', async () => {
    const file = await takeBackup(database, backups);
    expect(readFileSync(file).subarray(18, 20)).toEqual(Buffer.from([1, 1]));
    expect(readdirSync(backups)).toHaveLength(1);
  });

  it.each([
    ['of this version', 'DELETE'],
    ['of an earlier version', 'WAL'],
  ])('%s is restored from where nothing can be written, and leaves nothing there', async (_which, mode) => {
    const file = await takeBackup(database, backups);
    const copy = new Database(file);
    copy.pragma(`journal_mode = ${mode}`);
    copy.close();
    chmodSync(file, 0o444);
    chmodSync(backups, 0o555);
    const target = join(folder, 'restored.sqlite');
    withoutRights(() => restoreBackup(file, target));
    expect(readdirSync(backups)).toHaveLength(1);
    expect(statSync(target).mode & 0o777).toBe(0o600);
    expect(existsSync(`${target}.restoring`)).toBe(false);
    chmodSync(backups, 0o700);
  });

  it('tells how far it is, and so does putting it back', async () => {
    const bars = new Bars();
    const file = await takeBackup(database, backups, { start: bars.start });
    restoreBackup(file, database, { start: bars.start });
    const { size } = statSync(file);
    const [copying] = bars.drawn;
    expect(bars.drawn).toEqual([
      { label: 'Copying', total: copying?.total, done: copying?.total, isFinished: true },
      { label: 'Copying', total: size, done: size, isFinished: true },
      { label: 'Checking', total: 1, done: 1, isFinished: true },
    ]);
  });

  it('holds nothing of rows that are gone, and no free pages', async () => {
    const source = new Database(database);
    const gone = source.prepare('SELECT token FROM devices WHERE n <= 500').pluck().all().map(String);
    source.exec('DELETE FROM devices WHERE n <= 500');
    expect(gone.some((token) => readFileSync(database, 'latin1').includes(token))).toBe(true);
    const file = await takeBackup(database, backups);
    source.close();
    const bytes = readFileSync(file, 'latin1');
    expect(gone.filter((token) => bytes.includes(token))).toEqual([]);
    const copy = new Database(file);
    expect(copy.prepare('SELECT COUNT(*) FROM devices').pluck().get()).toBe(500);
    expect(copy.pragma('freelist_count', { simple: true })).toBe(0);
    copy.close();
  });

  it('is made while the event loop has next to nothing to do', async () => {
    const source = new Database(database);
    source.exec(`CREATE TABLE filler AS WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers
      WHERE n < 100) SELECT randomblob(1000000) AS bytes FROM numbers`);
    source.close();
    const before = performance.eventLoopUtilization();
    await takeBackup(database, backups);
    expect(performance.eventLoopUtilization(before).utilization).toBeLessThan(0.5);
  });

  it('leaves nothing when it is broken off, and the process that made it is gone', async () => {
    const stopping = new AbortController();
    const file = join(folder, 'large.sqlite');
    new Database(file).exec(TABLES).exec('CREATE TABLE filler AS SELECT randomblob(200000000) AS bytes').close();
    const taking = takeBackup(file, backups, { signal: stopping.signal });
    await vi.waitUntil(() => existsSync(backups) && readdirSync(backups).length > 0, { timeout: 10_000 });
    stopping.abort();
    await expect(taking).rejects.toThrow('The backup was broken off. Nothing is left of it.');
    expect(readdirSync(backups)).toEqual([]);
    await expect(takeBackup(file, backups, { signal: stopping.signal })).rejects.toThrow('broken off');
  });

  it('is put back twice within a second, and what was there is kept each time', async () => {
    const file = await takeBackup(database, backups);
    const kept = [1, 2, 3].map(() => restoreBackup(file, database, { now: NOON }));
    const name = `${database}.before-restore-20261122T120000Z`;
    expect(kept).toEqual([name, `${name}-2`, `${name}-3`]);
    expect(kept.every((path) => path !== null && existsSync(path))).toBe(true);
  });

  it('says in one sentence that a folder may not be written', async () => {
    const file = await takeBackup(database, folder);
    for (const path of [database, file]) chmodSync(path, 0o644);
    const closed = join(folder, 'closed');
    mkdirSync(closed, { mode: 0o555 });
    await expect(withoutRights(() => takeBackup(database, join(closed, 'backups')))).rejects.toThrow(
      /^No copy can be made in .*: this user has no right to\. Give another folder, .*\.$/,
    );
    expect(() => withoutRights(() => restoreBackup(file, join(closed, 'data/push.sqlite')))).toThrow(
      /^Cannot restore .*: this user has no right to\.$/,
    );
  });
});
