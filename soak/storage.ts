import { join } from 'node:path';
import { findMariaDb, startMariaDb } from '../test/support/private-mariadb.js';
import { query } from '../test/support/query.js';

export interface SoakStorage {
  /** DATABASE_URL. */
  readonly url: string;
  close(): Promise<void>;
}

export async function openStorage(kind: 'sqlite' | 'mariadb', folder: string): Promise<SoakStorage> {
  if (kind === 'sqlite') return { url: `sqlite:${join(folder, 'soak.sqlite')}`, close: async () => {} };
  const programs = findMariaDb();
  if (!programs) throw new Error('MariaDB is not installed (on Debian: apt-get install mariadb-server).');
  const server = await startMariaDb(programs);
  await query(server.url, 'CREATE DATABASE soak');
  return { url: `${server.url}/soak`, close: () => server.stop() };
}
