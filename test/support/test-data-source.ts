import { MetricsService } from '../../src/metrics/metrics.service.js';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { parseConfig } from '../../src/config/app-config.js';
import { ENTITIES } from '../../src/data-source.js';
import { databaseOptions } from '../../src/database/database-options.js';
import { DatabaseWriter } from '../../src/database/database-writer.js';
import { type TestDatabases } from './databases.js';

export interface TestDatabase {
  readonly dataSource: DataSource;
  readonly writer: DatabaseWriter;
}

/** Opens a database as the server does: production options, migrations run, all tables. */
export function openDataSource(url: string): Promise<DataSource> {
  const { database } = parseConfig({ DATABASE_URL: url });
  return new DataSource({ ...databaseOptions(database), entities: ENTITIES }).initialize();
}

/** Gives a suite one database, with empty tables for each test. */
export function useTestDatabase(databases: TestDatabases): TestDatabase {
  let dataSource: DataSource;
  let writer: DatabaseWriter;
  beforeAll(async () => {
    dataSource = await openDataSource(await databases.create());
    writer = new DatabaseWriter(dataSource, new MetricsService());
  });
  afterEach(async () => {
    await writer.write(async (manager) => {
      for (const entity of ENTITIES) await manager.createQueryBuilder().delete().from(entity).execute();
    });
  });
  afterAll(() => dataSource.destroy());
  return {
    get dataSource() {
      return dataSource;
    },
    get writer() {
      return writer;
    },
  };
}

/** The same on a SQLite database of the suite's own, for what does not depend on the kind of database. */
export function useSqliteDatabase(): TestDatabase {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'spns-unit-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return useTestDatabase({ kind: 'sqlite', create: async () => `sqlite:${join(folder, 'test.sqlite')}` });
}
