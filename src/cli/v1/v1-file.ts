import type Database from 'better-sqlite3';
import { CliError } from '../cli-error.js';
import { openToRead } from './open-to-read.js';

export const V1_TABLES = {
  tokens: 'token_pubkey_table',
  members: 'closed_group_table',
  statistics: 'statistics_table',
} as const;
type Table = keyof typeof V1_TABLES;

/** As they are in the file: SQLite lets any column hold any kind of value. */
export interface V1Token {
  rowid: number;
  pubKey: unknown;
  token: unknown;
  device: unknown;
  legacyGroupsOnly: unknown;
}

export interface V1Member {
  rowid: number;
  closedGroupPublicKey: unknown;
  pubKey: unknown;
}

/** Times are seconds since the epoch with a fraction. */
export interface V1Period {
  start_date: unknown;
  end_date: unknown;
  ios_pn_number: unknown;
  android_pn_number: unknown;
  total_message_number: unknown;
  closed_group_message_number: unknown;
  untracked_message_number: unknown;
  deduplicated_1_1_message_number: unknown;
}

const PERIOD_COLUMNS = [
  'start_date',
  'end_date',
  'ios_pn_number',
  'android_pn_number',
  'total_message_number',
  'closed_group_message_number',
  'untracked_message_number',
  'deduplicated_1_1_message_number',
] as const satisfies readonly (keyof V1Period)[];

/** Without these there is nothing to import; the others may be absent. */
const NEEDED_COLUMNS: Readonly<Record<string, readonly string[]>> = {
  [V1_TABLES.tokens]: ['pubKey', 'token'],
  [V1_TABLES.members]: ['closedGroupPublicKey', 'pubKey'],
  [V1_TABLES.statistics]: ['start_date', 'end_date'],
};

const HEXADECIMAL = /^[0-9a-fA-F]+$/;
const SPELLED_ALIKE = "CASE WHEN token NOT GLOB '*[^0-9a-fA-F]*' THEN lower(token) ELSE token END";
const spelledAlike = (token: unknown): unknown =>
  typeof token === 'string' && HEXADECIMAL.test(token) ? token.toLowerCase() : token;

/** Sorting a million rows with the default of 2 MB takes a third longer. */
const CACHE_KIB = 64 * 1024;

/**
 * The database of the original (Python) server, only read. Its first versions lacked the columns `device` and
 * `legacy_groups_only`, and none of its tables has a key.
 */
export class V1File {
  private constructor(private readonly database: Database.Database) {}

  static open(path: string): V1File {
    const file = new V1File(openToRead(path));
    try {
      file.database.pragma(`cache_size = -${CACHE_KIB}`);
      const problem = file.findProblem();
      if (problem === null) return file;
      throw new CliError(`${path} is not a database of the original server: ${problem}.`);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  close(): void {
    this.database.close();
  }

  count(table: Table): number {
    const name = V1_TABLES[table];
    if (this.columnsOf(name).size === 0) return 0;
    return this.database.prepare<[], number>(`SELECT COUNT(*) FROM ${name}`).pluck().get() ?? 0;
  }

  /**
   * All rows of a token together, oldest first, however its hexadecimal digits are spelled; in the order of tokens, which is
   * the fastest to write.
   */
  *tokens(): Generator<V1Token[]> {
    const rows = this.rows<V1Token>(
      V1_TABLES.tokens,
      { pubKey: 'pubKey', token: 'token', device: 'device', legacyGroupsOnly: 'legacy_groups_only' },
      `${SPELLED_ALIKE}, rowid`,
    );
    let group: V1Token[] = [];
    for (const row of rows) {
      if (group[0] && spelledAlike(group[0].token) !== spelledAlike(row.token)) {
        yield group;
        group = [];
      }
      group.push(row);
    }
    if (group.length > 0) yield group;
  }

  members(): Iterable<V1Member> {
    const columns = { closedGroupPublicKey: 'closedGroupPublicKey', pubKey: 'pubKey' };
    return this.rows<V1Member>(V1_TABLES.members, columns, 'closedGroupPublicKey, pubKey');
  }

  periods(): Iterable<V1Period> {
    const columns = Object.fromEntries(PERIOD_COLUMNS.map((column) => [column, column]));
    return this.rows<V1Period>(V1_TABLES.statistics, columns, 'start_date, end_date');
  }

  /** The rows beyond the newest `limit` of each id or group; the original knew no bounds. */
  rowsBeyond(limit: number, table: 'tokens' | 'members'): Set<number> {
    const name = V1_TABLES[table];
    const key = table === 'tokens' ? 'pubKey' : 'closedGroupPublicKey';
    if (this.columnsOf(name).size === 0) return new Set();
    const statement = this.database.prepare<[number, number], number>(
      `SELECT id FROM (
         SELECT rowid AS id, ROW_NUMBER() OVER (PARTITION BY ${key} ORDER BY rowid DESC) AS place
           FROM ${name} WHERE ${key} IN (SELECT ${key} FROM ${name} GROUP BY ${key} HAVING COUNT(*) > ?)
       ) WHERE place > ?`,
    );
    return new Set(statement.pluck().all(limit, limit));
  }

  /** @param columns name in the result -> name in the table; NULL where the table does not have it */
  private rows<Row>(table: string, columns: Readonly<Record<string, string>>, order: string): Iterable<Row> {
    const present = this.columnsOf(table);
    if (present.size === 0) return [];
    const selected = Object.entries(columns).map(
      ([name, column]) => `${present.has(column) ? `"${column}"` : 'NULL'} AS "${name}"`,
    );
    return this.database
      .prepare<[], Row>(`SELECT rowid, ${selected.join(', ')} FROM ${table} ORDER BY ${order}`)
      .iterate();
  }

  private findProblem(): string | null {
    let tables = 0;
    for (const [table, needed] of Object.entries(NEEDED_COLUMNS)) {
      const present = this.columnsOf(table);
      if (present.size === 0) continue;
      tables += 1;
      const lacking = needed.filter((column) => !present.has(column));
      if (lacking.length > 0) return `its table ${table} lacks the column ${lacking.join(' and the column ')}`;
    }
    return tables === 0 ? 'it has none of its tables' : null;
  }

  /** Empty when there is no such table. */
  private columnsOf(table: string): Set<string> {
    const rows = this.database.pragma(`table_info(${table})`) as { name: string }[];
    return new Set(rows.map(({ name }) => name));
  }
}
