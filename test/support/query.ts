import Database from 'better-sqlite3';
import { createConnection } from 'mysql2/promise';

export type Row = Record<string, unknown>;

/** Runs one statement on a connection of its own; what the server has not committed is not there. */
export async function query(url: string, sql: string): Promise<Row[]> {
  if (url.startsWith('sqlite:')) {
    const database = new Database(url.slice('sqlite:'.length));
    try {
      const statement = database.prepare(sql);
      if (statement.reader) return statement.all() as Row[];
      statement.run();
      return [];
    } finally {
      database.close();
    }
  }
  const connection = await createConnection(url);
  try {
    const [rows] = await connection.query(sql);
    return Array.isArray(rows) ? (rows as Row[]).map((row) => ({ ...row })) : [];
  } finally {
    await connection.end();
  }
}
