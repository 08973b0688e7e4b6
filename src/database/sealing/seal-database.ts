import { MetricsService } from '../../metrics/metrics.service.js';
import { type DataSource } from 'typeorm';
import { createDataKey } from '../../sealing/data-key.file.js';
import { KeyedSealing, NoSealing, type Sealing } from '../../sealing/sealing.js';
import { keyCheckOf } from '../../sealing/sealing.protocol.js';
import { DatabaseWriter } from '../database-writer.js';
import { upsert } from '../dialect.js';
import { withLargeCache } from '../large-cache.js';
import { lowerIosTokens } from '../ios-tokens.js';
import { oneAfterTheOther } from '../migrate.js';
import { eraseRemains } from './erase-remains.js';
import { countPlainQueue, sealPlainQueue } from './seal-queue-rows.js';
import { countPlainRows, sealPlainRows } from './seal-registry-rows.js';
import { dataKeyOf, readSealingState, requireNotSealed } from './sealing-state.js';
import { type SealingState } from './sealing-state.entity.js';

/** How far a conversion is. */
export interface SealingProgress {
  advance(rows: number): void;
  finish(): void;
}

/**
 * Makes the database what the configuration says, and returns how ids and tokens are stored in it. With a data key, all
 * that is plain is sealed, and what is sealed but spelled as nobody spells it any more is sealed anew; it goes on where it broke off, and finds what a server without the key wrote since. Nobody else
 * may use the database meanwhile. The key's file is made when there is none yet.
 *
 * @param file null = no data key
 * @param start called with the number of rows when there is something to do
 * @throws SealingError when the database is sealed with another key
 */
export function sealDatabase(
  dataSource: DataSource,
  file: string | null,
  start: (rows: number) => SealingProgress,
): Promise<Sealing> {
  return oneAfterTheOther(dataSource, async () => {
    const state = await readSealingState(dataSource);
    if (file === null) {
      requireNotSealed(state);
      return new NoSealing();
    }
    const dataKey = dataKeyOf(state, file) ?? createDataKey(file);
    const sealing = new KeyedSealing(dataKey);
    if (await needsSealing(dataSource, file)) await convert(dataSource, keyCheckOf(dataKey), sealing, start);
    return sealing;
  });
}

/** Whether there is anything to seal. Costs next to nothing in a database that is sealed. */
export async function needsSealing(dataSource: DataSource, file: string | null): Promise<boolean> {
  if (file === null) return false;
  return !isComplete(await readSealingState(dataSource)) || (await countPlainRows(dataSource)) > 0;
}

export const isComplete = (state: SealingState | null): boolean => state?.converting === false;

/** The state comes first and goes last: in between, a server without the key is refused. */
async function convert(
  dataSource: DataSource,
  keyCheck: string,
  sealing: Sealing,
  start: (rows: number) => SealingProgress,
): Promise<void> {
  const progress = start((await countPlainRows(dataSource)) + (await countPlainQueue(dataSource)));
  const writer = new DatabaseWriter(dataSource, new MetricsService());
  const remember = (converting: 0 | 1): Promise<void> =>
    writer.write((manager) => upsert(manager, 'sealing', { key_check: keyCheck, converting }));
  const onRows = (rows: number): void => progress.advance(rows);
  try {
    await remember(1);
    await withLargeCache(dataSource, () => sealPlainRows(dataSource, writer, sealing, onRows));
    await sealPlainQueue(dataSource, writer, sealing, onRows);
    await lowerIosTokens('sealed', sealing, dataSource.manager, (work) => writer.write(work));
    await eraseRemains(dataSource);
    await remember(0);
    progress.finish();
  } finally {
    await writer.close();
  }
}
