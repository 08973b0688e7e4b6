import { type DataSource } from 'typeorm';
import { KEYED_TABLES } from './seal-registry-rows.js';
import { SealingError } from './sealing-state.js';

const TABLES = [...KEYED_TABLES.map(({ name }) => name), 'queued_notifications'];

/** Rewrites the tables: in the files, what was changed or deleted stays readable until its place is used again. */
export async function eraseRemains(dataSource: DataSource): Promise<void> {
  if (dataSource.options.type !== 'better-sqlite3') {
    for (const table of TABLES) await rewriteTable(dataSource, table);
    return;
  }
  await dataSource.query('VACUUM');
  const [checkpoint] = await dataSource.query<{ busy: number }[]>('PRAGMA wal_checkpoint(TRUNCATE)');
  if (checkpoint?.busy === 0) return;
  throw new SealingError(
    'Ids and tokens are sealed, but what they were before cannot be removed from the files while another program has the ' +
      'database open. Close it and start again.',
  );
}

/** What goes wrong is in the answer, as text and not as an error. */
async function rewriteTable(dataSource: DataSource, table: string): Promise<void> {
  const answer = await dataSource.query<{ Msg_type: string; Msg_text: string }[]>(`OPTIMIZE TABLE ${table}`);
  const problem = answer.find(({ Msg_type: type }) => type.toLowerCase() === 'error');
  if (problem) throw new SealingError(`The table ${table} could not be rewritten: ${problem.Msg_text}`);
}
