import Database from 'better-sqlite3';
import { spawnSync } from 'node:child_process';
import { newAndroidToken, newId, newIosToken } from './people.js';

/** What the original server's statistics rows hold, in its order. */
export type V1StatisticsRow = [start: number, end: number, ...counts: (number | null)[]];

export interface V1Content {
  /** null = the column itself is absent, as in files of the original's first versions. */
  tokens?: readonly (readonly [pubKey: unknown, token: unknown, device?: unknown, legacyGroupsOnly?: unknown])[];
  members?: readonly (readonly [closedGroupPublicKey: unknown, pubKey: unknown])[];
  statistics?: readonly V1StatisticsRow[];
}

export type V1Schema = 'first' | 'latest';

/** As the original makes its tables: without keys, and with two columns that later versions add. */
const TABLES = `
  CREATE TABLE token_pubkey_table (pubKey TEXT NOT NULL, token TEXT NOT NULL);
  CREATE TABLE closed_group_table (closedGroupPublicKey TEXT NOT NULL, pubKey TEXT NOT NULL);
  CREATE TABLE statistics_table (
    start_date REAL, end_date REAL, ios_pn_number INTEGER, android_pn_number INTEGER, total_message_number INTEGER,
    closed_group_message_number INTEGER, untracked_message_number INTEGER, deduplicated_1_1_message_number INTEGER);
`;
/** What the original runs at each start; it goes on when the columns are there already. */
export const V1_ADDITIONS = [
  'ALTER TABLE token_pubkey_table ADD device TEXT',
  'ALTER TABLE token_pubkey_table ADD legacy_groups_only BOOL DEFAULT 0 NOT NULL',
];

/** Writes a database of the original server. Rows get their rowids in the order given. */
export function makeV1Database(path: string, content: V1Content, schema: V1Schema = 'latest'): void {
  const database = new Database(path);
  database.exec(TABLES);
  if (schema === 'latest') for (const statement of V1_ADDITIONS) database.exec(statement);
  const columns = schema === 'latest' ? 4 : 2;
  database.transaction(() => {
    insert(database, 'token_pubkey_table', columns, content.tokens, [null, null, null, 0]);
    insert(database, 'closed_group_table', 2, content.members);
    insert(database, 'statistics_table', 8, content.statistics);
  })();
  database.close();
}

const WRITE_AND_DIE = `
  const database = new (require('better-sqlite3'))(process.argv[1]);
  database.pragma('journal_mode = ' + process.argv[2]);
  database.pragma('cache_size = 5');
  database.exec("INSERT INTO token_pubkey_table SELECT 'committed', token, device, 0 FROM token_pubkey_table LIMIT 1");
  database.exec("BEGIN; UPDATE token_pubkey_table SET pubKey = 'unfinished'");
  const add = database.prepare("INSERT INTO token_pubkey_table VALUES ('unfinished', ?, 'android', 0)");
  for (let row = 0; row < 5000; row++) add.run('unfinished' + row);
  process.kill(process.pid, 'SIGKILL');
`;

/** A writer commits one row, of the id `committed` with the first token, and is killed in its second transaction. */
export function killWriterOf(path: string, journalMode: 'DELETE' | 'WAL'): void {
  const { signal, stderr } = spawnSync(process.execPath, ['-e', WRITE_AND_DIE, path, journalMode], {
    cwd: import.meta.dirname,
  });
  if (signal !== 'SIGKILL') throw new Error(`The writer was not killed: ${stderr.toString()}`);
}

/** All rows of the three tables, in the order in which the original reads them. */
export function readV1Database(path: string): { tokens: unknown[]; members: unknown[]; statistics: unknown[] } {
  const database = new Database(path, { readonly: true });
  const rows = (table: string) => database.prepare(`SELECT * FROM ${table}`).raw().all();
  const content = {
    tokens: rows('token_pubkey_table'),
    members: rows('closed_group_table'),
    statistics: rows('statistics_table'),
  };
  database.close();
  return content;
}

/** Random ids with one device each, groups of ten members and a year of statistics; half iOS and half Android. */
export function generateV1Content(ids: number): Required<V1Content> {
  const start = Date.UTC(2025, 0, 1) / 1000;
  const people = Array.from({ length: ids }, newId);
  const groups = Array.from({ length: Math.floor(ids / 20) }, newId);
  return {
    tokens: people.map((id, index) =>
      index % 2 ? [id, newIosToken(), 'ios', 1] : [id, newAndroidToken(), 'android', 0],
    ),
    members: groups.flatMap((group, index) =>
      people.slice(index * 10, index * 10 + 10).map((id): [string, string] => [group, id]),
    ),
    statistics: Array.from({ length: 730 }, (_, index) => {
      const from = start + index * 43_200 + 0.123456;
      return [from, from + 43_200, index, index * 2, index * 5, index, 1, index * 3];
    }),
  };
}

function insert(
  database: Database.Database,
  table: string,
  columns: number,
  rows: readonly (readonly unknown[])[] = [],
  defaults: readonly unknown[] = [],
): void {
  const statement = database.prepare(`INSERT INTO ${table} VALUES (${new Array(columns).fill('?').join(', ')})`);
  for (const row of rows) {
    statement.run(...Array.from({ length: columns }, (_, index) => row[index] ?? defaults[index] ?? null));
  }
}
