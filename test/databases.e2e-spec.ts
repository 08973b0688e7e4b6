import { beforeAll, expect, it } from 'vitest';
import { describeEachDatabase } from './support/databases.js';
import { query } from './support/query.js';

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
    await query(first, 'CREATE TABLE only_here (id INTEGER)');
    expect(await tableNames(first)).toEqual(['only_here']);
    expect(await tableNames(second)).toEqual([]);
  });
});

async function tableNames(url: string): Promise<unknown[]> {
  const rows = url.startsWith('sqlite:')
    ? await query(url, 'SELECT name FROM sqlite_master')
    : await query(url, 'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()');
  return rows.map(({ name }) => name);
}
