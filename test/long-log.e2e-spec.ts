import { expect, it } from 'vitest';
import { DatabaseWriter } from '../src/database/database-writer.js';
import { sqlite } from './faults/sqlite.js';
import { useServer } from './support/test-server.js';

const MIB = 1024 * 1024;

const suite = useServer(sqlite());

it('a running server moves a long log to the database by itself', async () => {
  const { app, dataSource } = suite.server;
  const write = (statement: string) => app.get(DatabaseWriter).write((manager) => manager.query(statement));
  const log = async () => (await dataSource.query<{ log: number }[]>('PRAGMA wal_checkpoint(NOOP)'))[0]?.log;
  await write('CREATE TABLE filler (bytes BLOB)');
  for (let count = 0; count < 20; count++) await write(`INSERT INTO filler VALUES (randomblob(${MIB}))`);
  // Of more than 5,000 pages; what was written behind the move is at most a quarter.
  await expect.poll(log, { timeout: 20_000 }).toBeLessThan(2000);
});
