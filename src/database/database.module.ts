import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { type AppConfig } from '../config/app-config.js';
import { APP_CONFIG } from '../config/config.module.js';
import { databaseOptions } from './database-options.js';
import { DatabaseWriter } from './database-writer.js';
import { InstanceLock } from './instance-lock.js';

/** Connects, brings the schema up to date and gives everybody the one way to write. */
@Global()
@Module({
  imports: [
    TypeOrmModule.forRootAsync({
      inject: [APP_CONFIG],
      useFactory: (config: AppConfig) => ({
        ...databaseOptions(config.database),
        autoLoadEntities: true,
        retryAttempts: 0,
      }),
    }),
  ],
  providers: [DatabaseWriter, InstanceLock],
  exports: [DatabaseWriter],
})
export class DatabaseModule {}
