import { type DataSource } from 'typeorm';
import { type AppConfig } from '../config/app-config.js';
import { DatabaseInUseError, InstanceLock, isSharedDatabase } from '../database/instance-lock.js';

/** The way back must not fail on a server that will not end: what it may cost is told, and the work goes on. */
export async function withoutServer<T>(dataSource: DataSource, config: AppConfig, work: () => Promise<T>): Promise<T> {
  if (isSharedDatabase(config)) {
    warn('Several servers can share this database. See that none of them runs, or what registers now may be missing.');
    return work();
  }
  const lock = new InstanceLock(dataSource);
  try {
    await lock.acquire().catch((error: unknown) => {
      if (!(error instanceof DatabaseInUseError)) throw error;
      warn('A server uses this database: what registers now may be missing. Stop it and export again.');
    });
    return await work();
  } finally {
    await lock.onApplicationShutdown();
  }
}

function warn(text: string): void {
  process.stderr.write(`${text}\n`);
}
