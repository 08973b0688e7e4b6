import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Authority, makeAuthority } from '../gateways/certificates.js';
import { parseConfig } from '../src/config/app-config.js';
import { withDataSource } from '../src/cli/with-database.js';
import { problemOf as sentenceOf } from '../src/common/words/problem-of.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { newId, newIosToken } from './support/people.js';
import { findMariaDb, type PrivateMariaDb, startMariaDb } from './support/private-mariadb.js';
import { query } from './support/query.js';
import { TestServer } from './support/test-server.js';

const programs = findMariaDb();

/** The cipher of a connection as the server would make it; an empty text = none. */
function cipherOf(variables: Record<string, string>): Promise<unknown> {
  const { database } = parseConfig(variables);
  return withDataSource(database, async (dataSource) => {
    const [row] = await dataSource.query<{ Value: string }[]>("SHOW STATUS LIKE 'Ssl_cipher'");
    return row?.Value;
  });
}

const problemOf = (variables: Record<string, string>): Promise<string> =>
  cipherOf(variables).then(() => 'none', sentenceOf);

describe.skipIf(programs === null)('TLS to MariaDB', () => {
  let folder: string;
  let withTls: PrivateMariaDb;
  let without: PrivateMariaDb;
  let authority: Authority;
  let caFile: string;
  let otherCaFile: string;

  beforeAll(async () => {
    if (!programs) return;
    folder = mkdtempSync(join(tmpdir(), 'spns-tls-'));
    // MariaDB reads its key as whoever it runs as.
    chmodSync(folder, 0o755);
    const write = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    authority = await makeAuthority('An authority of databases');
    const { cert, key } = await authority.issueServer({ names: ['localhost'] });
    caFile = write('ca.pem', authority.cert);
    otherCaFile = write('other.pem', (await makeAuthority('Another authority')).cert);
    withTls = await startMariaDb(programs, [
      `--ssl-cert=${write('cert.pem', cert)}`,
      `--ssl-key=${write('key.pem', key)}`,
      `--ssl-ca=${caFile}`,
    ]);
    without = await startMariaDb(programs, ['--skip-ssl']);
    for (const { url } of [withTls, without]) await query(url, 'CREATE DATABASE push');
  }, 120_000);
  afterAll(async () => {
    await withTls.stop();
    await without.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const at = (mariaDb: PrivateMariaDb, mode: string, host = '127.0.0.1'): Record<string, string> => ({
    DATABASE_URL: `${mariaDb.url.replace('127.0.0.1', host)}/push${mode === '' ? '' : `?ssl-mode=${mode}`}`,
  });

  it('is not asked for unless somebody says so', async () => {
    expect(await cipherOf(at(withTls, ''))).toBe('');
    expect(await cipherOf(at(withTls, 'DISABLED'))).toBe('');
    expect(await cipherOf(at(without, ''))).toBe('');
  });

  it('is there when it is required, whoever the authority is', async () => {
    expect(await cipherOf(at(withTls, 'REQUIRED'))).not.toBe('');
  });

  it.each(['REQUIRED', 'VERIFY_CA'])('is never left out silently when it is asked for by %s', async (mode) => {
    expect(await problemOf(at(without, mode))).toContain('The database offers no TLS');
    expect(await problemOf({ ...at(without, ''), DATABASE_CA_FILE: caFile })).toContain('The database offers no TLS');
  });

  it('looks at the authority', async () => {
    const byFile = (file: string, mode = '') => ({ ...at(withTls, mode), DATABASE_CA_FILE: file });
    expect(await cipherOf(byFile(caFile))).not.toBe('');
    expect(await cipherOf(byFile(caFile, 'VERIFY_CA'))).not.toBe('');
    expect(await problemOf(byFile(otherCaFile))).toContain('TLS with the database fails');
    expect(await problemOf(byFile(otherCaFile, 'REQUIRED'))).toContain('TLS with the database fails');
    expect(await problemOf(at(withTls, 'VERIFY_CA'))).toContain('TLS with the database fails');
  });

  it('looks at the name of the host', async () => {
    const other = await startMariaDb(programs ?? { server: '', installer: '' }, await otherName());
    try {
      await query(other.url, 'CREATE DATABASE push');
      const byName = (mariaDb: PrivateMariaDb, mode = '') => ({
        ...at(mariaDb, mode, 'localhost'),
        DATABASE_CA_FILE: caFile,
      });
      expect(await cipherOf(byName(withTls))).not.toBe('');
      expect(await problemOf(byName(other))).toContain('TLS with the database fails');
      expect(await cipherOf(byName(other, 'VERIFY_CA'))).not.toBe('');
    } finally {
      await other.stop();
    }
  });

  async function otherName(): Promise<string[]> {
    const { cert, key } = await authority.issueServer({ names: ['database.example'] });
    writeFileSync(join(folder, 'other-cert.pem'), cert);
    writeFileSync(join(folder, 'other-key.pem'), key);
    return [`--ssl-cert=${join(folder, 'other-cert.pem')}`, `--ssl-key=${join(folder, 'other-key.pem')}`];
  }
});

describe.skipIf(programs === null)('a MariaDB that allows few connections', () => {
  let mariaDb: PrivateMariaDb;
  let gateways: TestGateways;
  beforeAll(async () => {
    gateways = await startGateways();
    if (programs) mariaDb = await startMariaDb(programs);
  }, 120_000);
  afterAll(async () => {
    await gateways.close();
    await mariaDb.stop();
  });

  async function databaseOf(user: string, limit: number): Promise<string> {
    const password = randomBytes(16).toString('hex');
    await query(mariaDb.url, `CREATE DATABASE ${user}`);
    await query(
      mariaDb.url,
      `CREATE USER '${user}'@'127.0.0.1' IDENTIFIED BY '${password}' WITH MAX_USER_CONNECTIONS ${limit}`,
    );
    await query(mariaDb.url, `GRANT ALL ON ${user}.* TO '${user}'@'127.0.0.1'`);
    return `mysql://${user}:${password}@127.0.0.1:${new URL(mariaDb.url).port}/${user}`;
  }

  const registerMany = async (server: TestServer): Promise<unknown[]> => {
    const tries = await Promise.allSettled(Array.from({ length: 150 }, () => server.register(newId(), newIosToken())));
    return tries.filter(({ status }) => status === 'rejected');
  };

  it.each([5, 10])('is waited for: nothing fails with %i of them', async (limit) => {
    const server = await TestServer.start({ database: await databaseOf(`few${limit}`, limit), gateways });
    try {
      expect(await registerMany(server)).toEqual([]);
    } finally {
      await server.close();
    }
  });

  it('is not asked for more than DATABASE_CONNECTIONS', async () => {
    const database = await databaseOf('bounded', 3);
    const server = await TestServer.start({ database, gateways, env: { DATABASE_CONNECTIONS: '3' } });
    try {
      const refused = async () =>
        Number((await query(mariaDb.url, "SHOW GLOBAL STATUS LIKE 'Aborted_connects'"))[0]?.['Value']);
      const before = await refused();
      expect(await registerMany(server)).toEqual([]);
      expect(await refused()).toBe(before);
    } finally {
      await server.close();
    }
  });

  it('that has none for us is told', async () => {
    const database = await databaseOf('full', 1);
    await withDataSource(parseConfig({ DATABASE_URL: database }).database, async () => {
      expect(await problemOf({ DATABASE_URL: database })).toContain('The database allows no more connections');
    });
  });
});
