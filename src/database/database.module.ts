import { Global, Logger, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { AppConfig } from '../config/app-config.js';
import { Duties } from '../config/duties.js';
import { Sealing } from '../sealing/sealing.js';
import { BackupScheduler } from './backups/backup.scheduler.js';
import { DatabaseId, readDatabaseId } from './database-id.js';
import { databaseOptions } from './database-options.js';
import { DatabaseWriter } from './database-writer.js';
import { DiskRoom } from './disk-room.js';
import { InstanceLock, isSharedDatabase } from './instance-lock.js';
import { migrate } from './migrate.js';
import { requireRoomForStatements } from './mysql/packet-size.js';
import { Registrations } from './registrations.js';
import { LoggedProgress } from './sealing/logged-progress.js';
import { openSealing } from './sealing/open-sealing.js';
import { sealDatabase } from './sealing/seal-database.js';
import { SealingWatch } from './sealing/sealing-watch.js';
import { cutSilentConnections } from './silent-connections.js';
import { WalMoves } from './wal-moves.js';

const POSSESSION = Symbol('POSSESSION');

/** Proof that this process may use the database. */
interface Possession {
  /** Null = another process of the instance has it, or instances share the database through Redis. */
  lock: InstanceLock | null;
  sealing: Sealing;
}

/** Connects, brings the schema up to date and provides `DatabaseWriter`, the only way to write. */
@Global()
@Module({
  imports: [
    TypeOrmModule.forRootAsync({
      inject: [AppConfig],
      useFactory: (config: AppConfig) => ({
        ...databaseOptions(config.database),
        migrationsRun: false,
        autoLoadEntities: true,
        retryAttempts: 0,
        // Without it the first failure is announced as a retry, with a stack.
        toRetry: () => false,
      }),
    }),
  ],
  providers: [
    DatabaseWriter,
    BackupScheduler,
    WalMoves,
    DiskRoom,
    { provide: POSSESSION, inject: [DataSource, AppConfig, Duties], useFactory: takePossession },
    { provide: InstanceLock, inject: [POSSESSION], useFactory: ({ lock }: Possession) => lock },
    {
      provide: Registrations,
      inject: [DataSource, POSSESSION],
      useFactory: (dataSource: DataSource) => new Registrations(dataSource),
    },
    { provide: Sealing, inject: [POSSESSION], useFactory: ({ sealing }: Possession) => sealing },
    {
      provide: DatabaseId,
      inject: [DataSource, POSSESSION],
      useFactory: (dataSource: DataSource) => readDatabaseId(dataSource),
    },
    {
      provide: SealingWatch,
      inject: [DataSource, AppConfig, Sealing],
      useFactory: (dataSource: DataSource, config: AppConfig, sealing: Sealing) =>
        isSharedDatabase(config) ? new SealingWatch(dataSource, sealing) : null,
    },
  ],
  exports: [DatabaseWriter, DatabaseId, Registrations, Sealing],
})
export class DatabaseModule {}

/** A request has to be answered within 25 s, of which it may have waited 10 s for its turn. */
const MAX_SILENCE_MS = 8000;

/** Runs before anybody uses a table. The lock comes first: a server that is refused must not have changed anything. */
async function takePossession(dataSource: DataSource, config: AppConfig, duties: Duties): Promise<Possession> {
  const lock = isSharedDatabase(config) || !duties.leads ? null : new InstanceLock(dataSource);
  try {
    await requireRoomForStatements(dataSource);
    const sealing = duties.leads
      ? await prepare(dataSource, config, lock)
      : await openSealing(dataSource, config.dataKeyFile);
    cutSilentConnections(dataSource, MAX_SILENCE_MS);
    return { lock, sealing };
  } catch (error) {
    await lock?.onApplicationShutdown();
    await dataSource.destroy();
    throw error;
  }
}

async function prepare(dataSource: DataSource, config: AppConfig, lock: InstanceLock | null): Promise<Sealing> {
  const logger = new Logger('Database');
  await lock?.acquire();
  await migrate(dataSource);
  return sealDatabase(
    dataSource,
    config.dataKeyFile,
    (rows) => new LoggedProgress(rows, logger),
    (file) => logger.log({ msg: 'made a new data key: keep a copy in a safe place', file }),
  );
}
