import { randomUUID } from 'node:crypto';
import { type DataSource } from 'typeorm';
import { insertIfAbsent } from './dialect.js';

/** Tells databases apart wherever they are reached: addresses and names do not. A copy has the id of its original. */
export class DatabaseId {
  constructor(readonly value: string) {}
}

/** The id of a database that has its tables; the first who asks makes it. */
export async function readDatabaseId({ manager }: DataSource): Promise<DatabaseId> {
  const find = async (): Promise<string | undefined> =>
    (await manager.query<{ id: string }[]>('SELECT id FROM database_id'))[0]?.id;
  let id = await find();
  if (id === undefined) {
    // Another process may be the first at the same time.
    await insertIfAbsent(manager, 'database_id', { only: 1, id: randomUUID() });
    id = await find();
  }
  if (id === undefined) throw new Error('The database did not keep its id.');
  return new DatabaseId(id);
}
