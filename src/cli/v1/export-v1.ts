import Database from 'better-sqlite3';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { DataSource } from 'typeorm';
import { sync } from '../../database/backups/database-copy.js';
import { CliError } from '../cli-error.js';
import { V1_TABLES } from './v1-file.js';

const PAGE_ROWS = 5000;

/** Columns in the order that the original reads them by position, after its own later additions. */
const SCHEMA = `
  CREATE TABLE ${V1_TABLES.tokens} (
    pubKey TEXT NOT NULL, token TEXT NOT NULL, device TEXT, legacy_groups_only BOOL DEFAULT 0 NOT NULL);
  CREATE TABLE ${V1_TABLES.members} (closedGroupPublicKey TEXT NOT NULL, pubKey TEXT NOT NULL);
  CREATE TABLE ${V1_TABLES.statistics} (
    start_date REAL, end_date REAL, ios_pn_number INTEGER, android_pn_number INTEGER, total_message_number INTEGER,
    closed_group_message_number INTEGER, untracked_message_number INTEGER, deduplicated_1_1_message_number INTEGER);
`;

export interface ExportReport {
  devices: number;
  members: number;
  statistics: number;
}

type Row = Record<string, string | number>;

/** Writes a database that the original server starts on. The file is complete or absent. */
export async function exportV1(
  dataSource: DataSource,
  path: string,
  onRows: (rows: number) => void,
): Promise<ExportReport> {
  if (existsSync(path)) throw new CliError(`${path} exists and is not overwritten.`);
  const partial = `${path}.partial`;
  const file = create(partial, path);
  try {
    // After a crash the file is made anew, so it needs no journal on the disk and waits for none until it is complete.
    file.pragma('journal_mode = MEMORY');
    file.pragma('synchronous = OFF');
    file.exec(SCHEMA);
    const report = await new Exporter(dataSource, file, onRows).run();
    file.close();
    sync(partial);
    renameSync(partial, path);
    return report;
  } finally {
    file.close();
    rmSync(partial, { force: true });
  }
}

function create(partial: string, path: string): Database.Database {
  try {
    rmSync(partial, { force: true });
    return new Database(partial);
  } catch (cause) {
    throw new CliError(`${path} cannot be made: check its folder and the rights on it.`, { cause });
  }
}

class Exporter {
  constructor(
    private readonly dataSource: DataSource,
    private readonly file: Database.Database,
    private readonly onRows: (rows: number) => void,
  ) {}

  async run(): Promise<ExportReport> {
    return {
      // The original takes an id's flag from the id's first row: full registrations first, or phones fall silent.
      devices: (await this.devices(0)) + (await this.devices(1)),
      members: await this.members(),
      statistics: await this.statistics(),
    };
  }

  private devices(legacyGroupsOnly: 0 | 1): Promise<number> {
    return this.copy(`INSERT INTO ${V1_TABLES.tokens} VALUES (?, ?, ?, ?)`, (last) =>
      this.dataSource.query<Row[]>(
        `SELECT session_id, token, device_type, legacy_groups_only FROM devices
            WHERE token > ? AND legacy_groups_only = ? ORDER BY token LIMIT ${PAGE_ROWS}`,
        [last?.['token'] ?? '', legacyGroupsOnly],
      ),
    );
  }

  private members(): Promise<number> {
    return this.copy(`INSERT INTO ${V1_TABLES.members} VALUES (?, ?)`, (last) =>
      this.dataSource.query<Row[]>(
        `SELECT group_id, session_id FROM closed_group_members
            WHERE group_id >= ? AND (group_id > ? OR session_id > ?) ORDER BY group_id, session_id LIMIT ${PAGE_ROWS}`,
        [last?.['group_id'] ?? '', last?.['group_id'] ?? '', last?.['session_id'] ?? ''],
      ),
    );
  }

  private statistics(): Promise<number> {
    return this.copy(
      `INSERT INTO ${V1_TABLES.statistics} VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      (last) =>
        this.dataSource.query<Row[]>(
          `SELECT start_date / 1000.0 AS start_date, end_date / 1000.0 AS end_date, ios_pn_number, android_pn_number,
                  total_message_number, closed_group_message_number, untracked_message_number,
                  deduplicated_1_1_message_number, start_date AS place
             FROM statistics WHERE start_date > ? ORDER BY statistics.start_date LIMIT ${PAGE_ROWS}`,
          [last?.['place'] ?? -1],
        ),
      8,
    );
  }

  /** Page by page, each page asked for by the last row of the one before. */
  private async copy(
    insert: string,
    nextPage: (last: Row | undefined) => Promise<Row[]>,
    columns?: number,
  ): Promise<number> {
    const statement = this.file.prepare(insert);
    const writePage = this.file.transaction((rows: Row[]) => {
      for (const row of rows) statement.run(...Object.values(row).slice(0, columns));
    });
    let copied = 0;
    let last: Row | undefined;
    do {
      const page = await nextPage(last);
      writePage(page);
      copied += page.length;
      last = page.at(-1);
      this.onRows(page.length);
    } while (last);
    return copied;
  }
}
