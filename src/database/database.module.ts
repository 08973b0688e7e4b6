import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { type AppConfig } from '../config/app-config.js';
import { APP_CONFIG } from '../config/config.module.js';
import { type Duties, DUTIES } from '../config/duties.js';
import { databaseOptions } from './database-options.js';
import { DatabaseWriter } from './database-writer.js';
import { InstanceLock } from './instance-lock.js';
import { migrate } from './migrate.js';

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
    { provide: InstanceLock, inject: [DataSource, APP_CONFIG, DUTIES], useFactory: takePossession },
  ],
  exports: [DatabaseWriter],
})
export class DatabaseModule {}

/** Runs before anybody uses a table. The lock comes first: a server that is refused must not have changed the schema. */
async function takePossession(dataSource: DataSource, config: AppConfig, duties: Duties): Promise<InstanceLock | null> {
  if (!duties.leads) return null;
  const isShared = config.redisUrl !== null && config.database.kind === 'mysql';
  const lock = isShared ? null : new InstanceLock(dataSource);
  try {
    await lock?.acquire();
    await migrate(dataSource);
    return lock;
  } catch (error) {
    await lock?.onApplicationShutdown();
    await dataSource.destroy();
    throw error;
  }
}
