import { type DataSource } from 'typeorm';

/** A large table may take its time. */
const WAIT_SECONDS = 600;

const LOCK = `CONCAT('session-push-schema:', MD5(DATABASE()))`;

/**
 * Brings the schema up to date. Instances that start together do it one after the other, so that each migration runs
 * once; on SQLite the instance's own lock sees to that.
 */
export async function migrate(dataSource: DataSource): Promise<void> {
  if (dataSource.options.type === 'better-sqlite3') {
    await dataSource.runMigrations();
    return;
  }
  const holder = dataSource.createQueryRunner();
  try {
    const [row] = (await holder.query(`SELECT GET_LOCK(${LOCK}, ${WAIT_SECONDS}) AS locked`)) as { locked: unknown }[];
    if (Number(row?.locked) !== 1)
      throw new Error('Another instance is changing the database and does not come to an end.');
    await dataSource.runMigrations();
    await holder.query(`SELECT RELEASE_LOCK(${LOCK})`);
  } finally {
    await holder.release();
  }
}
