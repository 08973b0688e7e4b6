import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../src/config/app-config.js';
import { ENTITIES } from '../src/data-source.js';
import { databaseOptions, MIGRATIONS } from '../src/database/database-options.js';
import { describeEachDatabase } from './support/databases.js';
import { query } from './support/query.js';

/** Said to be MariaDB where it is: the two differ in how they report that a column has no default. */
const open = (url: string): Promise<DataSource> => {
  const { database } = parseConfig({ DATABASE_URL: url.replace(/^mysql:/, 'mariadb:') });
  return new DataSource({ ...databaseOptions(database), entities: ENTITIES }).initialize();
};

describeEachDatabase('migrations', (databases) => {
  let url: string;
  let dataSource: DataSource;
  beforeEach(async () => {
    url = await databases.create();
    dataSource = await open(url);
  });
  afterEach(async () => {
    if (dataSource.isInitialized) await dataSource.destroy();
  });

  const tables = async (): Promise<string[]> => {
    const rows = url.startsWith('sqlite:')
      ? await query(url, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
      : await query(url, 'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()');
    return rows.map(({ name }) => String(name)).toSorted();
  };

  it('make what the entities describe', async () => {
    const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
    expect(upQueries.map((step) => step.query)).toEqual([]);
  });

  it('leave nothing for migration:generate to find, also where MariaDB is called mysql', async () => {
    const command = ['node_modules/typeorm/cli.js', 'migration:generate', '--check', '-d', 'ormconfig.ts', 'Nothing'];
    const generate = promisify(execFile)(process.execPath, ['--import', 'tsx', ...command], {
      env: { PATH: process.env.PATH, DATABASE_URL: url },
    });
    expect((await generate).stdout).toContain('No changes in database schema were found');
  });

  it('make a table for each entity and nothing else', async () => {
    const wanted = dataSource.entityMetadatas.map(({ tableName }) => tableName);
    expect(await tables()).toEqual([...wanted, 'migrations'].toSorted());
  });

  it('run once', async () => {
    await dataSource.destroy();
    dataSource = await open(url);
    const done = await query(url, 'SELECT name FROM migrations');
    expect(done.map(({ name }) => String(name)).toSorted()).toEqual(MIGRATIONS.map(({ name }) => name).toSorted());
    expect(await dataSource.showMigrations()).toBe(false);
  });

  it('can be reverted, to the last table, and run again', async () => {
    for (const _ of MIGRATIONS) await dataSource.undoLastMigration();
    expect(await tables()).toEqual(['migrations']);
    await dataSource.runMigrations();
    const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
    expect(upQueries).toEqual([]);
  });

  it('run again where they were killed before they were noted', async () => {
    for (const { name } of MIGRATIONS) {
      await query(url, `DELETE FROM migrations WHERE name = '${name}'`);
      await dataSource.runMigrations();
    }
    expect(await query(url, 'SELECT name FROM migrations ORDER BY id')).toHaveLength(MIGRATIONS.length);
    const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
    expect(upQueries).toEqual([]);
  });

  it('keep what is stored', async () => {
    const row = "('token', '05ab', 'ios', 0, 1700000000000, NULL, NULL, NULL)";
    await query(url, `INSERT INTO devices VALUES ${row}`);
    await dataSource.destroy();
    dataSource = await open(url);
    expect(await query(url, 'SELECT session_id FROM devices')).toEqual([{ session_id: '05ab' }]);
  });
});

describe('an SQLite database', () => {
  it('is made with its folders', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'spns-migrations-'));
    const file = join(folder, 'some/where/below/it.sqlite');
    const dataSource = await open(`sqlite:${file}`);
    expect(existsSync(file)).toBe(true);
    expect(await dataSource.query('PRAGMA journal_mode')).toEqual([{ journal_mode: 'wal' }]);
    // 2 = FULL: a commit is on disk when it returns.
    expect(await dataSource.query('PRAGMA synchronous')).toEqual([{ synchronous: 2 }]);
    await dataSource.destroy();
    rmSync(folder, { recursive: true });
  });
});
