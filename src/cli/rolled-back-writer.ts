import { type INestApplicationContext } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { DatabaseWriter } from '../database/database-writer.js';
import { MetricsService } from '../metrics/metrics.service.js';

/** Carries the outcome out of a transaction that is rolled back on purpose. */
class RolledBack<T> extends Error {
  constructor(readonly outcome: T) {
    super('dry run');
  }
}

/** For dry runs: does the same work, takes each transaction back, and tells what would have come of it. */
class RolledBackWriter extends DatabaseWriter {
  override async write<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    try {
      return await super.write<T>(async (manager) => {
        throw new RolledBack(await work(manager));
      });
    } catch (error) {
      if (error instanceof RolledBack) return (error as RolledBack<T>).outcome;
      throw error;
    }
  }
}

export function writerOf(app: INestApplicationContext, dryRun: boolean): DatabaseWriter {
  return dryRun ? new RolledBackWriter(app.get(DataSource), app.get(MetricsService)) : app.get(DatabaseWriter);
}
