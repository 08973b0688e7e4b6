import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, inject } from 'vitest';

export interface TestDatabases {
  readonly kind: 'sqlite' | 'mysql';
  /** Makes an empty database and returns its DATABASE_URL. All of them are gone after the suite. */
  create(): Promise<string>;
}

/**
 * Describes one behaviour twice, on SQLite and on MariaDB. The MariaDB half shows as skipped where there is none.
 * What the suite opens on a database it closes in its own `afterEach` or `afterAll`; those run before the removal.
 */
export function describeEachDatabase(name: string, suite: (databases: TestDatabases) => void): void {
  describe(`${name} (SQLite)`, () => {
    suite(sqliteDatabases());
  });
  describe.skipIf(inject('mysqlUrl') === null)(`${name} (MariaDB)`, () => {
    suite(mysqlDatabases());
  });
}

/**
 * Describes what hardly depends on the database, such as a command line or how a process stops: on SQLite, and on MariaDB
 * too with `TEST_EVERY_DATABASE=1`, which takes a third longer. What a statement does is for {@link describeEachDatabase}.
 */
export function describeOneDatabase(name: string, suite: (databases: TestDatabases) => void): void {
  if (process.env['TEST_EVERY_DATABASE'] === '1') {
    describeEachDatabase(name, suite);
    return;
  }
  describe(`${name} (SQLite)`, () => {
    suite(sqliteDatabases());
  });
}

function sqliteDatabases(): TestDatabases {
  let folder: string;
  let made = 0;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'spns-sqlite-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return {
    kind: 'sqlite',
    create: async () => `sqlite:${join(folder, `${++made}.sqlite`)}`,
  };
}

export function mysqlDatabases(): TestDatabases {
  const made: string[] = [];
  afterAll(async () => {
    for (const database of made) await runOnServer(`DROP DATABASE ${database}`);
  });
  return {
    kind: 'mysql',
    create: async () => {
      const database = `t_${randomBytes(8).toString('hex')}`;
      await runOnServer(`CREATE DATABASE ${database}`);
      made.push(database);
      return new URL(database, `${serverUrl()}/`).href;
    },
  };
}

async function runOnServer(statement: string): Promise<void> {
  const connection = await createConnection(serverUrl());
  try {
    await connection.query(statement);
  } finally {
    await connection.end();
  }
}

function serverUrl(): string {
  const url = inject('mysqlUrl');
  if (url === null) throw new Error('There is no MariaDB in this run.');
  return url;
}
