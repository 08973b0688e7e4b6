import Database from 'better-sqlite3';
import { rmSync } from 'node:fs';
import { type BenchDatabase, inPieces, type Rows } from './bench-database.js';
import { migrate } from './migrate.js';

const ROWS_PER_STATEMENT = 100;
const STATEMENTS_PER_COMMIT = 200;

export async function createSqliteDatabase(path: string): Promise<BenchDatabase> {
  await migrate({ kind: 'sqlite', path });
  return {
    kind: 'sqlite',
    environment: { DATABASE_URL: `sqlite:${path}` },
    engine: `SQLite ${versionOf(path)}`,
    queuePid: null,
    insert: async (rows, onProgress) => insert(path, rows, onProgress),
    queueIsEmpty: async () => queueIsEmpty(path),
    drop: async () => {
      for (const ending of ['', '-wal', '-shm', '.lock']) rmSync(path + ending, { force: true });
    },
  };
}

function insert(path: string, { table, columns, values }: Rows, onProgress: (inserted: number) => void): void {
  const database = new Database(path);
  // The rows come in no order, so the trees have to be in memory; what a crash would lose is made again.
  database.pragma('synchronous = OFF');
  database.pragma('cache_size = -1000000');
  const row = `(${columns.map(() => '?').join(', ')})`;
  const into = (count: number) =>
    database.prepare(`INSERT INTO ${table} (${columns.join(', ')}) VALUES ${new Array(count).fill(row).join(', ')}`);
  const full = into(ROWS_PER_STATEMENT);
  let inserted = 0;
  let statements = 0;
  database.exec('BEGIN');
  for (const piece of inPieces(values, ROWS_PER_STATEMENT)) {
    (piece.length === ROWS_PER_STATEMENT ? full : into(piece.length)).run(piece.flat());
    inserted += piece.length;
    if (++statements % STATEMENTS_PER_COMMIT > 0) continue;
    database.exec('COMMIT; BEGIN');
    onProgress(inserted);
  }
  database.exec('COMMIT');
  database.pragma('wal_checkpoint(TRUNCATE)');
  database.close();
}

function queueIsEmpty(path: string): boolean {
  return query(path, (database) => database.prepare('SELECT 1 FROM queued_notifications LIMIT 1').get() === undefined);
}

function versionOf(path: string): string {
  return query(path, (database) => String(database.prepare('SELECT sqlite_version()').pluck().get()));
}

function query<T>(path: string, ask: (database: Database.Database) => T): T {
  const database = new Database(path, { readonly: true });
  try {
    return ask(database);
  } finally {
    database.close();
  }
}
