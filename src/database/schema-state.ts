import { type DataSource } from 'typeorm';
import { MIGRATIONS } from './database-options.js';
import { type DatabaseContents, isOurForm, LOOK, requireOwnDatabase } from './own-database.js';

export interface SchemaState {
  /** Migrations of this version that the database lacks, oldest first. */
  pending: string[];
  /** Migrations of the database that this version does not have. */
  unknown: string[];
  contents: DatabaseContents;
}

const OURS = MIGRATIONS.map(({ name }) => name);

/**
 * A database of something else is not to be changed at all, and an older program would read and write tables that a newer
 * one gave another meaning.
 */
export function requireKnownSchema({ unknown, contents }: SchemaState): void {
  requireOwnDatabase(contents, OURS);
  if (unknown.length === 0) return;
  throw new Error(
    `The database was changed by a newer version of this program (${unknown.join(', ')}). Start that version, or restore a backup of before.`,
  );
}

/** TypeORM's own look-up would make the table of migrations when it is absent; this one only reads. */
export async function readSchemaState(dataSource: DataSource): Promise<SchemaState> {
  const contents = await readContents(dataSource);
  const executed = contents.executed ?? [];
  return {
    pending: OURS.filter((name) => !executed.includes(name)),
    unknown: executed.filter((name) => !OURS.includes(name)),
    contents,
  };
}

async function readContents(dataSource: DataSource): Promise<DatabaseContents> {
  const namesOf = async (sql: string): Promise<string[]> =>
    (await dataSource.query<{ name: string }[]>(sql)).map(({ name }) => name);
  const look = dataSource.options.type === 'better-sqlite3' ? LOOK.sqlite : LOOK.mysql;
  const executed = isOurForm(await namesOf(look.columns)) ? await namesOf(LOOK.executed) : null;
  return { tables: await namesOf(look.tables), executed };
}
