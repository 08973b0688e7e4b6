import { type DataSource } from 'typeorm';
import { type AppConfig } from '../config/app-config.js';
import { InstanceLock, isSharedDatabase } from '../database/instance-lock.js';

/**
 * Works while no server uses the database, and refuses when one does. Servers that share it through Redis cannot be told: the
 * operator has to stop them.
 *
 * @throws {DatabaseInUseError}
 */
export async function alone<T>(dataSource: DataSource, config: AppConfig, work: () => Promise<T>): Promise<T> {
  const lock = isSharedDatabase(config) ? null : new InstanceLock(dataSource);
  try {
    await lock?.acquire();
    return await work();
  } finally {
    await lock?.onApplicationShutdown();
  }
}
