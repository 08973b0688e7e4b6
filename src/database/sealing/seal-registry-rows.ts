import { type DataSource, type EntityManager } from 'typeorm';
import { bindRowOfBefore, rebind } from '../../sealing/bound-device.js';
import { boxPlace, endOfGeneration, generationOf } from '../../sealing/sealing.protocol.js';
import { type Sealing } from '../../sealing/sealing.js';
import { type DatabaseWriter } from '../database-writer.js';
import { countRows, insertNewest, isAnyOf } from '../dialect.js';
import { inPowersOfTwo } from '../statement-sizes.js';

/** One transaction; some hundred milliseconds, which is what a crash costs. */
const PAGE_ROWS = 10_000;

/** Between all sealed texts and all plain ones. */
const AFTER_SEALED = endOfGeneration(1);
const UNBOUND = 'token > ? AND token < ? AND binding IS NULL';

type Row = Readonly<Record<string, string | number | Buffer | null>>;

/** A table whose key holds ids or tokens: what the data key in use sealed comes first in it, see `sealing.protocol.ts`. */
interface KeyedTable {
  readonly name: string;
  readonly key: readonly [first: string, ...others: string[]];
  readonly ids?: readonly string[];
  readonly tokens?: readonly string[];
  readonly accounts?: readonly string[];
  readonly boxes?: readonly string[];
  /** The greater value is the newer row; without it there is nothing beside the key. */
  readonly newest?: string;
}

/** All tables with ids or tokens in their key; the queue's key has neither. */
export const KEYED_TABLES: readonly KeyedTable[] = [
  { name: 'devices', key: ['token'], ids: ['session_id'], tokens: ['token'], newest: 'registered_at' },
  { name: 'suspect_tokens', key: ['token'], tokens: ['token'], newest: 'suspected_at' },
  { name: 'closed_groups', key: ['group_id'], ids: ['group_id'], newest: 'changed_at' },
  { name: 'closed_group_members', key: ['group_id', 'session_id'], ids: ['group_id', 'session_id'] },
  {
    name: 'subscriptions',
    key: ['account', 'service', 'token'],
    ids: ['signer'],
    tokens: ['token'],
    accounts: ['account'],
    boxes: ['credentials', 'enc_key', 'service_info'],
    newest: 'sig_ts',
  },
  { name: 'ended_subscriptions', key: ['fingerprint'], ids: ['fingerprint'], newest: 'sig_ts' },
];

/**
 * Costs next to nothing when there are none.
 *
 * @param generation of the data key in use
 */
export async function countRowsToSeal({ manager }: DataSource, generation: number): Promise<number> {
  const end = endOfGeneration(generation);
  let count = 0;
  for (const { name, key } of KEYED_TABLES) {
    count += await countRows(manager, `SELECT COUNT(*) AS count FROM ${name} WHERE ${key[0]} > ?`, [end]);
  }
  return count;
}

/** Seals all of them; a row is either as it was or sealed with the data key in use, whatever happens. */
export async function sealRegistry(
  dataSource: DataSource,
  writer: DatabaseWriter,
  sealing: Sealing,
  onRows: (rows: number) => void,
): Promise<void> {
  for (const table of KEYED_TABLES) {
    const [first] = table.key;
    // Where the last page ended: a database may have to step over what was deleted before it.
    let from: unknown = endOfGeneration(sealing.generation);
    for (;;) {
      const page = await dataSource.query<Row[]>(
        `SELECT * FROM ${table.name} WHERE ${first} >= ? ORDER BY ${table.key.join(', ')} LIMIT ${PAGE_ROWS}`,
        [from],
      );
      if (page.length === 0) break;
      const sealed = page.map((row) => sealRow(row, table, sealing));
      await writer.write(async (manager) => {
        await remove(manager, table, page);
        await insert(manager, table, sealed);
      });
      from = page.at(-1)?.[first];
      onRows(page.length);
    }
  }
}

/**
 * Devices that were sealed with this data key or an earlier one and are not bound. Looks at every one.
 *
 * @param generation of the data key in use before rows were bound
 */
export function countUnboundDevices({ manager }: DataSource, generation: number): Promise<number> {
  const range = [endOfGeneration(generation + 1), AFTER_SEALED];
  return countRows(manager, `SELECT COUNT(*) AS count FROM devices WHERE ${UNBOUND}`, range);
}

/** Binds them as they are: only for a database from before rows were bound. A later key's rows are not from before. */
export async function bindDevices(
  dataSource: DataSource,
  writer: DatabaseWriter,
  sealing: Sealing,
  generation: number,
  onRows: (rows: number) => void,
): Promise<void> {
  let last = endOfGeneration(generation + 1);
  for (;;) {
    const page = await dataSource.query<Row[]>(
      `SELECT * FROM devices WHERE ${UNBOUND} ORDER BY token LIMIT ${PAGE_ROWS}`,
      [last, AFTER_SEALED],
    );
    if (page.length === 0) return;
    const bound = page.map((row) => bindRowOfBefore(sealing, row));
    await writer.write(async (manager) => {
      for (const some of inPowersOfTwo(bound)) {
        await insertNewest(manager, 'devices', 'registered_at', some, 'replace');
      }
    });
    last = String(page.at(-1)?.['token']);
    onRows(page.length);
  }
}

function sealRow(row: Row, table: KeyedTable, sealing: Sealing): Row {
  const sealed: Record<string, string | number | Buffer | null> = { ...row };
  for (const column of table.ids ?? []) sealed[column] = sealing.id(String(row[column]));
  for (const column of table.tokens ?? []) sealed[column] = sealing.token(String(row[column]));
  for (const column of table.accounts ?? []) sealed[column] = sealing.account(String(row[column]));
  for (const column of table.boxes ?? []) {
    const stored = row[column];
    if (!Buffer.isBuffer(stored)) continue;
    const content = openStored(row, table, column, stored, sealing);
    // What is damaged stays so: with another key it cannot be opened either.
    if (content) sealed[column] = sealing.box(content, boxPlace(table.name, column, keyOf(sealed, table)));
  }
  return table.name === 'devices' ? rebind(sealing, row, sealed) : sealed;
}

/** A box has no mark: the key of its row tells which data key sealed it. */
function openStored(row: Row, table: KeyedTable, column: string, stored: Buffer, sealing: Sealing): Buffer | null {
  const generation = generationOf(String(row[table.key[0]]));
  if (generation === 0) return stored;
  return sealing.openBox(stored, boxPlace(table.name, column, keyOf(row, table)), generation);
}

const keyOf = (row: Row, { key }: KeyedTable): string[] => key.map((column) => String(row[column]));

async function remove(manager: EntityManager, { name, key }: KeyedTable, rows: readonly Row[]): Promise<void> {
  for (const some of inPowersOfTwo(rows)) {
    await manager.query(
      `DELETE FROM ${name} WHERE ${isAnyOf(manager, key, some.length)}`,
      some.flatMap((row) => key.map((column) => row[column])),
    );
  }
}

/** A sealed row may be there already, when a server without the key, or with an earlier one, wrote the other one: the newer of them counts. */
async function insert(manager: EntityManager, { name, key, newest }: KeyedTable, rows: readonly Row[]): Promise<void> {
  for (const some of inPowersOfTwo(rows)) await insertNewest(manager, name, newest ?? key[0], some);
}
