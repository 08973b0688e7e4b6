import { type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataSource, type EntityTarget, type ObjectLiteral, type Repository } from 'typeorm';
import { afterEach } from 'vitest';
import { AppModule } from '../../src/app.module.js';
import { parseConfig } from '../../src/config/app-config.js';
import { DEFAULT_DELIVERY_TUNING, DeliveryTuning } from '../../src/delivery/delivery-tuning.js';
import { type PushTransport, PushTransports } from '../../src/providers/push-transport.js';
import { createKeyPair } from '../../src/onion/onion-key.file.js';
import { RecordingLogger } from './recording-logger.js';

export interface DeliveryParts {
  readonly logger: RecordingLogger;
  /** One of the server's classes; there is one of each. */
  get<T>(part: Type<T> | (abstract new () => T)): T;
  rows<T extends ObjectLiteral>(entity: EntityTarget<T>): Repository<T>;
  sql(statement: string): Promise<unknown>;
  /** Stops as a server does. */
  close(): Promise<void>;
}

/** The parts of the real server on an SQLite database, put together but not started: nothing runs by itself. */
export async function openDeliveryParts(
  folder: string,
  transports: PushTransport[],
  tuning: Partial<DeliveryTuning> = {},
): Promise<DeliveryParts> {
  const logger = new RecordingLogger();
  const keyFile = join(folder, 'onion.key');
  if (!existsSync(keyFile)) createKeyPair(keyFile);
  const config = parseConfig({
    DATABASE_URL: `sqlite:${join(folder, 'test.sqlite')}`,
    ONION_PRIVATE_KEY_FILE: keyFile,
  });
  const module = await Test.createTestingModule({ imports: [await AppModule.forRoot(config)] })
    .overrideProvider(DeliveryTuning)
    .useValue({ ...DEFAULT_DELIVERY_TUNING, ...tuning })
    .overrideProvider(PushTransports)
    .useValue(new PushTransports(transports))
    .setLogger(logger)
    .compile();
  const dataSource = module.get(DataSource);
  return {
    logger,
    get: (part) => module.get(part),
    rows: (entity) => dataSource.getRepository(entity),
    sql: (statement) => dataSource.query(statement),
    close: () => module.close(),
  };
}

/** Gives each test parts on a new database, and closes them after it. */
export function useDeliveryParts() {
  const opened: { folder: string; parts: DeliveryParts }[] = [];
  afterEach(async () => {
    for (const { folder, parts } of opened.splice(0)) {
      await parts.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
  return async (transports: PushTransport[] = [], tuning: Partial<DeliveryTuning> = {}): Promise<DeliveryParts> => {
    const folder = mkdtempSync(join(tmpdir(), 'spns-unit-'));
    const parts = await openDeliveryParts(folder, transports, tuning);
    opened.push({ folder, parts });
    return parts;
  };
}
