import { resolve } from 'node:path';
import { MetricsService } from '../../metrics/metrics.service.js';
import { type DataSource } from 'typeorm';
import { createDataKey, type DataKeys } from '../../sealing/data-key.file.js';
import { KeyedSealing, NoSealing, type Sealing } from '../../sealing/sealing.js';
import { generationOfCheck, keyCheckOf } from '../../sealing/sealing.protocol.js';
import { DatabaseWriter } from '../database-writer.js';
import { upsert } from '../dialect.js';
import { withLargeCache } from '../large-cache.js';
import { lowerIosTokens } from '../ios-tokens.js';
import { oneAfterTheOther } from '../migrate.js';
import { eraseRemains } from './erase-remains.js';
import { countQueueToSeal, sealQueue } from './seal-queue-rows.js';
import { bindDevices, countRowsToSeal, countUnboundDevices, sealRegistry } from './seal-registry-rows.js';
import { dataKeysOf, isOfUnbound, readSealingState, requireNotSealed } from './sealing-state.js';
import { type SealingState } from './sealing-state.entity.js';

/** How far a conversion is. */
export interface SealingProgress {
  advance(rows: number): void;
  finish(): void;
}

/**
 * Makes the database what the configuration says, and returns how ids and tokens are stored in it. With a data key, all
 * that is plain is sealed, and so is, anew, what an earlier key sealed or what is spelled as nobody spells it any more; it
 * goes on where it broke off, and finds what a server without the key wrote since. Nobody else may use the database
 * meanwhile. The key's file is made when there is none yet.
 *
 * @param file null = no data key
 * @param start called with the number of rows when there is something to do
 * @param made called with the whole path of a key that was made
 * @throws SealingError when the database is sealed with another key
 */
export function sealDatabase(
  dataSource: DataSource,
  file: string | null,
  start: (rows: number) => SealingProgress,
  made: (file: string) => void = () => undefined,
): Promise<Sealing> {
  return oneAfterTheOther(dataSource, async () => {
    const state = await readSealingState(dataSource);
    if (file === null) {
      requireNotSealed(state);
      return new NoSealing();
    }
    const keys = dataKeysOf(state, file) ?? makeDataKey(file, made);
    const sealing = new KeyedSealing(...keys);
    const unbound = state !== null && isOfUnbound(state, keys) ? generationOfCheck(state.keyCheck) : null;
    if (await needsSealing(dataSource, file)) await convert(dataSource, sealing, unbound, start);
    return sealing;
  });
}

function makeDataKey(file: string, made: (file: string) => void): DataKeys {
  const keys = createDataKey(file);
  made(resolve(file));
  return keys;
}

/**
 * Whether there is anything to seal. Costs next to nothing in a database that is sealed.
 *
 * @throws SealingError when it is sealed with another key
 */
export async function needsSealing(dataSource: DataSource, file: string | null): Promise<boolean> {
  if (file === null) return false;
  const state = await readSealingState(dataSource);
  const keys = isComplete(state) ? dataKeysOf(state, file) : null;
  return !keys || state?.keyCheck !== keyCheckOf(keys) || (await countRowsToSeal(dataSource, keys.length)) > 0;
}

export const isComplete = (state: SealingState | null): state is SealingState => state?.converting === false;

/**
 * The state comes first and goes last: in between, a server without the key, or with fewer keys, is refused. Only what is done
 * for a database from before rows were bound is done before it: the state is what tells that.
 *
 * @param unbound the number of the data key that was in use when rows were not bound yet; null = they are
 */
async function convert(
  dataSource: DataSource,
  sealing: KeyedSealing,
  unbound: number | null,
  start: (rows: number) => SealingProgress,
): Promise<void> {
  const progress = start(
    (unbound === null ? 0 : await countUnboundDevices(dataSource, unbound)) +
      (await countRowsToSeal(dataSource, sealing.generation)) +
      (await countQueueToSeal(dataSource, sealing.generation)),
  );
  const writer = new DatabaseWriter(dataSource, new MetricsService());
  const remember = (converting: 0 | 1): Promise<void> =>
    writer.write(async (manager) => {
      await manager.query('DELETE FROM sealing WHERE key_check <> ?', [sealing.keyCheck]);
      await upsert(manager, 'sealing', { key_check: sealing.keyCheck, converting });
    });
  const onRows = (rows: number): void => progress.advance(rows);
  try {
    if (unbound !== null) await bindDevices(dataSource, writer, sealing, unbound, onRows);
    await remember(1);
    await withLargeCache(dataSource, () => sealRegistry(dataSource, writer, sealing, onRows));
    await sealQueue(dataSource, writer, sealing, onRows);
    await lowerIosTokens('sealed', sealing, dataSource.manager, (work) => writer.write(work));
    await eraseRemains(dataSource);
    await remember(0);
    progress.finish();
  } finally {
    await writer.close();
  }
}
