import { randomBytes } from 'node:crypto';
import { type Connection, createConnection } from 'mysql2/promise';
import { parseConfig } from '../../src/config/app-config.js';
import { findMariaDb, startMariaDb } from '../../test/support/private-mariadb.js';
import { type BenchDatabase, inPieces, type Rows } from './bench-database.js';
import { migrate } from './migrate.js';

const ROWS_PER_STATEMENT = 500;

/** Where the databases of a run are made. */
export interface MariaDbServer {
  create(): Promise<BenchDatabase>;
  stop(): Promise<void>;
}

/**
 * The server that BENCH_MYSQL_URL names, a private one, or null when there is neither.
 *
 * @param settings of a private one, on top
 */
export async function openMariaDb(settings: readonly string[] = []): Promise<MariaDbServer | null> {
  const given = process.env['BENCH_MYSQL_URL'];
  if (given) return { create: () => createDatabase(given), stop: async () => {} };
  const programs = findMariaDb();
  if (!programs) return null;
  const server = await startMariaDb(programs, settings);
  // Tests do without it; here an acknowledged request has to be on disk as in operation.
  await using(server.url, (connection) => connection.query('SET GLOBAL innodb_flush_log_at_trx_commit = 1'));
  return { create: () => createDatabase(server.url), stop: () => server.stop() };
}

async function createDatabase(serverUrl: string): Promise<BenchDatabase> {
  const name = `bench_${randomBytes(8).toString('hex')}`;
  const version = await using(serverUrl, async (connection) => {
    await connection.query(`CREATE DATABASE ${name}`);
    return selectOne(connection, 'SELECT VERSION() AS value');
  });
  const url = new URL(name, serverUrl.replace(/\/?$/, '/')).href;
  await migrate(parseConfig({ DATABASE_URL: url }).database);
  return {
    kind: 'mariadb',
    environment: { DATABASE_URL: url },
    engine: engineOf(String(version)),
    queuePid: null,
    insert: (rows, onProgress) => using(url, (connection) => insert(connection, rows, onProgress)),
    queueIsEmpty: () =>
      using(url, async (connection) => {
        const found = await selectOne(connection, 'SELECT EXISTS (SELECT 1 FROM queued_notifications) AS value');
        return Number(found) === 0;
      }),
    drop: async () => void (await using(serverUrl, (connection) => connection.query(`DROP DATABASE ${name}`))),
  };
}

/** MariaDB calls itself `10.11.19-MariaDB-...`, MySQL only `8.4.3`. */
function engineOf(version: string): string {
  return `${version.includes('MariaDB') ? 'MariaDB' : 'MySQL'} ${version.split('-')[0]}`;
}

async function insert(
  connection: Connection,
  { table, columns, values }: Rows,
  onProgress: (inserted: number) => void,
): Promise<void> {
  let inserted = 0;
  for (const piece of inPieces(values, ROWS_PER_STATEMENT)) {
    await connection.query(`INSERT INTO ${table} (${columns.join(', ')}) VALUES ?`, [piece]);
    inserted += piece.length;
    onProgress(inserted);
  }
}

async function selectOne(connection: Connection, statement: string): Promise<unknown> {
  const [rows] = await connection.query(statement);
  return (rows as { value: unknown }[])[0]?.value;
}

async function using<T>(url: string, work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await createConnection(url);
  try {
    return await work(connection);
  } finally {
    await connection.end();
  }
}
