import Database from 'better-sqlite3';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PrivateMariaDb } from '../private-mariadb.js';
import { type PrivateRedis } from '../private-redis.js';
import { query } from '../query.js';
import { embedded, type LoadStorage, shared } from './storages.js';

/** Storage that fails on demand, as it does in real life, and works again. */
export interface BreakableStorage extends LoadStorage {
  break(serverPid: number): Promise<void>;
  mend(serverPid: number): Promise<void>;
  remove(): Promise<void>;
}

/** Enough for the load of a test. */
const DISK_MB = 8;

/** A disk that is full; null where a small one cannot be mounted, which takes root. */
export function fullDisk(): BreakableStorage | null {
  const folder = mkdtempSync(join(tmpdir(), 'spns-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MB}m`, 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    rmSync(folder, { recursive: true });
    return null;
  }
  const filler = join(folder, 'filler');
  return {
    ...embedded(`sqlite:${join(folder, 'db.sqlite')}`),
    break: async () => {
      for (let part = 0; part < DISK_MB * 256; part++) {
        try {
          writeFileSync(filler, Buffer.alloc(4096), { flag: 'a' });
        } catch {
          return;
        }
      }
    },
    mend: async () => rmSync(filler),
    remove: async () => {
      execFileSync('umount', [folder]);
      rmSync(folder, { recursive: true });
    },
  };
}

/** The server's files must not grow beyond 4 KB: every write fails, as on a disk that has gone read-only. */
export function failingWrites(): BreakableStorage {
  const limit = (pid: number, bytes: string): void => {
    execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`]);
  };
  const storage = sqliteFolder();
  return {
    ...storage,
    break: async (pid) => limit(pid, '4096'),
    mend: async (pid) => limit(pid, 'unlimited'),
  };
}

/** Another process has the right to write and keeps it. */
export function lockedFile(): BreakableStorage {
  const storage = sqliteFolder();
  let other: Database.Database | null = null;
  return {
    ...storage,
    break: async () => {
      other = new Database(storage.file, { timeout: 5000 });
      other.exec('BEGIN IMMEDIATE');
    },
    mend: async () => void other?.close(),
  };
}

export async function crashedMariaDb(mariaDb: PrivateMariaDb): Promise<BreakableStorage> {
  return {
    ...embedded(await createDatabase(mariaDb)),
    break: () => mariaDb.crash(),
    mend: () => mariaDb.startAgain(),
    remove: async () => {},
  };
}

export async function frozenMariaDb(mariaDb: PrivateMariaDb): Promise<BreakableStorage> {
  return {
    ...embedded(await createDatabase(mariaDb)),
    break: async () => mariaDb.freeze(),
    mend: async () => mariaDb.thaw(),
    remove: async () => {},
  };
}

/** A Redis that is stopped and started; the registry is on the given database, which stays. */
export function stoppedRedis(redis: PrivateRedis, database: string): BreakableStorage {
  return {
    ...shared(database, redis.url),
    break: () => redis.stop(),
    mend: () => redis.start(),
    remove: () => redis.remove(),
  };
}

let databases = 0;

export async function createDatabase({ url }: PrivateMariaDb): Promise<string> {
  const name = `breakable_${++databases}`;
  await query(url, `CREATE DATABASE ${name}`);
  return `${url}/${name}`;
}

function sqliteFolder(): LoadStorage & { file: string; remove: () => Promise<void> } {
  const folder = mkdtempSync(join(tmpdir(), 'spns-breakable-'));
  const file = join(folder, 'db.sqlite');
  return { ...embedded(`sqlite:${file}`), file, remove: async () => rmSync(folder, { recursive: true }) };
}
