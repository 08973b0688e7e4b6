import { type DataSource } from 'typeorm';

/** SQLite writes pages of the index again and again when its cache is smaller than what a batch touches. */
const SQLITE_CACHE_KIB = 128 * 1024;

/** For work on most of a large table. MariaDB and MySQL have a cache of the operator's choice. */
export async function withLargeCache<T>(dataSource: DataSource, work: () => Promise<T>): Promise<T> {
  if (dataSource.options.type !== 'better-sqlite3') return work();
  const [before] = await dataSource.query<{ cache_size: number }[]>('PRAGMA cache_size');
  await dataSource.query(`PRAGMA cache_size = -${SQLITE_CACHE_KIB}`);
  try {
    return await work();
  } finally {
    await dataSource.query(`PRAGMA cache_size = ${before?.cache_size ?? 0}`);
  }
}
