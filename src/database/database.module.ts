import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { type AppConfig } from '../config/app-config.js';
import { APP_CONFIG } from '../config/config.module.js';
import { type Duties, DUTIES } from '../config/duties.js';
import { BackupScheduler } from './backups/backup.scheduler.js';
import { OperatorEvents } from '../operator/operator-events.js';
import { databaseOptions } from './database-options.js';
import { DatabaseWriter } from './database-writer.js';
import { InstanceLock } from './instance-lock.js';
import { migrate } from './migrate.js';
import { cutSilentConnections } from './silent-connections.js';

/** Connects, brings the schema up to date and gives everybody the one way to write. */
@Global()
@Module({
  imports: [
    TypeOrmModule.forRootAsync({
      inject: [APP_CONFIG],
      useFactory: (config: AppConfig) => ({
        ...databaseOptions(config.database),
        migrationsRun: false,
        autoLoadEntities: true,
        retryAttempts: 0,
      }),
    }),
  ],
  providers: [
    DatabaseWriter,
    {
      provide: BackupScheduler,
      inject: [APP_CONFIG, DUTIES, OperatorEvents],
      useFactory: (config: AppConfig, { leads }: Duties, events: OperatorEvents) =>
        leads ? new BackupScheduler(config, events) : null,
    },
    { provide: InstanceLock, inject: [DataSource, APP_CONFIG, DUTIES], useFactory: takePossession },
  ],
  exports: [DatabaseWriter],
})
export class DatabaseModule {}

/** A request has to be answered within 25 s, of which it may have waited 10 s for its turn. */
const MAX_SILENCE_MS = 8000;

/** Runs before anybody uses a table. The lock comes first: a server that is refused must not have changed the schema. */
async function takePossession(dataSource: DataSource, config: AppConfig, duties: Duties): Promise<InstanceLock | null> {
  if (!duties.leads) {
    cutSilentConnections(dataSource, MAX_SILENCE_MS);
    return null;
  }
  const isShared = config.redisUrl !== null && config.database.kind === 'mysql';
  const lock = isShared ? null : new InstanceLock(dataSource);
  try {
    await lock?.acquire();
    await migrate(dataSource);
    cutSilentConnections(dataSource, MAX_SILENCE_MS);
    return lock;
  } catch (error) {
    await lock?.onApplicationShutdown();
    await dataSource.destroy();
    throw error;
  }
}
