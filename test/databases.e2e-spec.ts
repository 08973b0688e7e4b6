import Database from 'better-sqlite3';
import { createConnection } from 'mysql2/promise';
import { beforeAll, expect, it } from 'vitest';
import { describeEachDatabase } from './support/databases.js';

describeEachDatabase('a test database', (databases) => {
  const urls: string[] = [];

  beforeAll(async () => {
    urls.push(await databases.create(), await databases.create());
  });

  it('can be opened with its URL and has no tables', async () => {
    for (const url of urls) expect(await tableNames(url)).toEqual([]);
  });

  it('is not the database of another call', async () => {
    const [first, second] = urls as [string, string];
    await execute(first, 'CREATE TABLE only_here (id INTEGER)');
    expect(await tableNames(first)).toEqual(['only_here']);
    expect(await tableNames(second)).toEqual([]);
  });
});

async function tableNames(url: string): Promise<unknown[]> {
  const rows = url.startsWith('sqlite:')
    ? await execute(url, 'SELECT name FROM sqlite_master')
    : await execute(url, 'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()');
  return rows.map((row) => row.name);
}

async function execute(url: string, sql: string): Promise<{ name?: unknown }[]> {
  if (url.startsWith('sqlite:')) {
    const database = new Database(url.slice('sqlite:'.length));
    const statement = database.prepare(sql);
    const rows = statement.reader ? (statement.all() as { name: string }[]) : [];
    if (!statement.reader) statement.run();
    database.close();
    return rows;
  }
  const connection = await createConnection(url);
  const [rows] = await connection.query(sql);
  await connection.end();
  return Array.isArray(rows) ? (rows as { name: string }[]) : [];
}
