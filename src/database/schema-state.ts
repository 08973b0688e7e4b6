import { type DataSource } from 'typeorm';
import { MIGRATIONS } from './database-options.js';

export interface SchemaState {
  /** Migrations of this version that the database lacks, oldest first. */
  pending: string[];
  /** Migrations of the database that this version does not have. */
  unknown: string[];
}

/** An older program would read and write tables that a newer one gave another meaning. */
export function requireKnownSchema({ unknown }: SchemaState): void {
  if (unknown.length === 0) return;
  throw new Error(
    `The database was changed by a newer version of this program (${unknown.join(', ')}). Start that version, or restore a backup of before.`,
  );
}

/** TypeORM's own look-up would make the table of migrations when it is absent; this one only reads. */
export async function readSchemaState(dataSource: DataSource): Promise<SchemaState> {
  const ours = MIGRATIONS.map(({ name }) => name);
  const theirs = await executedMigrations(dataSource);
  return {
    pending: ours.filter((name) => !theirs.includes(name)),
    unknown: theirs.filter((name) => !ours.includes(name)),
  };
}

async function executedMigrations(dataSource: DataSource): Promise<string[]> {
  const runner = dataSource.createQueryRunner();
  try {
    if (!(await runner.hasTable('migrations'))) return [];
    const rows = (await runner.query('SELECT name FROM migrations')) as { name: string }[];
    return rows.map(({ name }) => name);
  } finally {
    await runner.release();
  }
}
