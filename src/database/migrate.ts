import { type DataSource } from 'typeorm';
import { readSchemaState, requireKnownSchema } from './schema-state.js';

/** A large table may take its time. */
const WAIT_SECONDS = 600;

const LOCK = `CONCAT('session-push-schema:', MD5(DATABASE()))`;

/** Brings the schema up to date; throws, and changes nothing, when a newer version did so before or the database is not ours. */
export async function migrate(dataSource: DataSource): Promise<void> {
  await oneAfterTheOther(dataSource, async () => {
    requireKnownSchema(await readSchemaState(dataSource));
    await dataSource.runMigrations();
  });
}

/**
 * Instances that start together do what changes the database as a whole one after the other, so that it is done once. On
 * SQLite that is up to the caller, who holds the `InstanceLock` meanwhile.
 */
export async function oneAfterTheOther<T>(dataSource: DataSource, work: () => Promise<T>): Promise<T> {
  if (dataSource.options.type === 'better-sqlite3') return work();
  const holder = dataSource.createQueryRunner();
  try {
    const [row] = (await holder.query(`SELECT GET_LOCK(${LOCK}, ${WAIT_SECONDS}) AS locked`)) as { locked: unknown }[];
    if (Number(row?.locked) !== 1)
      throw new Error('Another instance is changing the database and does not come to an end.');
    return await work();
  } finally {
    await holder.query(`SELECT RELEASE_LOCK(${LOCK})`).catch(() => undefined);
    await holder.release();
  }
}
