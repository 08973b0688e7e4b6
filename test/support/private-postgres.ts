import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe } from 'vitest';
import { findProgram, freePort, startGuarded } from './private-server.js';

export interface TestPostgres {
  /** Makes an empty database and returns its address, of a user that may do everything. */
  create(): Promise<string>;
}

export interface PostgresPrograms {
  readonly server: string;
  readonly installer: string;
}

export interface PrivatePostgres {
  /** Of its first database. */
  readonly url: string;
  stop(): Promise<void>;
}

const HOW_TO_GET_IT = 'install postgresql (on Debian: apt-get install postgresql)';

/** Where Debian keeps them, a folder for each version. */
const DEBIAN = '/usr/lib/postgresql';

/** It refuses to run as root. */
const NOBODY = 65_534;

const START_DEADLINE_MS = 30_000;

/** Describes something that takes a Postgres, which runs for as long as the suite; skipped where there is none. */
export function describeWithPostgres(name: string, suite: (postgres: TestPostgres) => void): void {
  const programs = findPostgres();
  if (!programs && process.env['REQUIRE_POSTGRES'] === '1') {
    throw new Error(`REQUIRE_POSTGRES=1 is set and there is no Postgres: ${HOW_TO_GET_IT}.`);
  }
  if (!programs) console.warn(`Postgres is not installed, what needs it is skipped; to run it, ${HOW_TO_GET_IT}.`);
  describe.skipIf(!programs)(`${name} (Postgres)`, () => {
    let server: PrivatePostgres | null = null;
    let made = 0;
    beforeAll(async () => {
      server = programs && (await startPostgres(programs));
    });
    afterAll(() => server?.stop());
    suite({
      create: async () => {
        if (!server) throw new Error('A database is made within a test.');
        const database = `t${++made}`;
        await onPostgres(server.url, (client) => client.query(`CREATE DATABASE ${database}`));
        return new URL(`/${database}`, server.url).href;
      },
    });
  });
}

/** Runs `work` on a connection of its own. */
export async function onPostgres<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

export function findPostgres(): PostgresPrograms | null {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).toSorted((a, b) => Number(b) - Number(a)) : [];
  const find = (name: string): string | null =>
    versions.map((version) => join(DEBIAN, version, 'bin', name)).find((file) => existsSync(file)) ?? findProgram(name);
  const [server, installer] = [find('postgres'), find('initdb')];
  return server && installer ? { server, installer } : null;
}

export async function startPostgres({ server, installer }: PostgresPrograms): Promise<PrivatePostgres> {
  const folder = mkdtempSync(join(tmpdir(), 'spns-postgres-'));
  const [data, passwordFile, logFile] = [join(folder, 'data'), join(folder, 'password'), join(folder, 'server.log')];
  const password = randomBytes(16).toString('hex');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  const asRoot = process.getuid?.() === 0;
  const asNobody = asRoot ? ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] : [];
  if (asRoot) for (const path of [folder, passwordFile]) chownSync(path, NOBODY, NOBODY);
  try {
    const options = [`--pgdata=${data}`, '--username=tests', '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
    // `env` runs what follows, whoever that is to be.
    execFileSync('env', [...asNobody, installer, ...options, '--encoding=UTF8', '--no-sync'], {
      stdio: 'pipe',
      cwd: folder,
    });
  } catch (cause) {
    rmSync(folder, { recursive: true, force: true });
    throw new Error('Postgres could not make its data folder.', { cause });
  }

  const port = await freePort();
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: folder,
    fsync: 'off',
    max_wal_size: '4GB',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const guarded = startGuarded([...asNobody, server, '-D', data, ...options], folder, logFile);
  const url = `postgres://tests:${password}@127.0.0.1:${port}/postgres`;
  try {
    await waitUntilItAnswers(url);
  } catch (cause) {
    const lastLines = readFileSync(logFile, 'utf8').split('\n').slice(-15).join('\n');
    await guarded.stop();
    throw new Error(`Postgres did not start. The end of its log:\n${lastLines}`, { cause });
  }
  return { url, stop: () => guarded.stop() };
}

async function waitUntilItAnswers(url: string): Promise<void> {
  const deadline = Date.now() + START_DEADLINE_MS;
  for (;;) {
    try {
      return await onPostgres(url, () => Promise.resolve());
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(50);
    }
  }
}
