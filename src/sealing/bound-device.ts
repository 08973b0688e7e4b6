import { boxPlace, generationOf } from './sealing.protocol.js';
import { type Sealing } from './sealing.js';

/**
 * A sealed token is the same in every row, because it is looked up by it. So a row of `devices` says itself what belongs
 * together in it: who can write to the database can move a token to another id, but not bind it to that.
 */
interface BoundColumns {
  /** In the stored form. */
  readonly token: string;
  /** Likewise. */
  readonly sessionId: string;
  readonly deviceType: string;
}

type Row = Readonly<Record<string, string | number | Buffer | null>>;

/** Null = nothing of it is sealed, or not all of it with one key. */
export function bindDevice(sealing: Sealing, { token, sessionId, deviceType }: BoundColumns): string | null {
  if (!sealing.isOn) return null;
  const generation = generationOf(token);
  if (generationOf(sessionId) !== generation) return null;
  return sealing.bind(boxPlace('devices', 'binding', [token, sessionId, deviceType]), generation);
}

/** False: this server has not written that. Without a data key nobody can tell. */
export function isBound(sealing: Sealing, device: BoundColumns, binding: string | null): boolean {
  return !sealing.isOn || (binding !== null && binding === bindDevice(sealing, device));
}

/**
 * A row of `devices` that takes the place of `former`, bound if that was. What was plain is bound for the first time.
 *
 * Rows of other tables, and of one that has no such column yet, stay as they are.
 */
export function rebind<R extends Row>(sealing: Sealing, former: Row, row: R): R {
  const { binding } = former;
  if (binding === undefined) return row;
  const columns = columnsOf(former);
  const isPlain = generationOf(columns.token) === 0 && generationOf(columns.sessionId) === 0;
  const wasGood = isPlain || isBound(sealing, columns, binding === null ? null : String(binding));
  return wasGood ? { ...row, binding: bindDevice(sealing, columnsOf(row)) } : row;
}

/** As {@link rebind}, of a row from before rows were bound. */
export const bindRowOfBefore = <R extends Row>(sealing: Sealing, row: R): R => ({
  ...row,
  binding: bindDevice(sealing, columnsOf(row)),
});

const columnsOf = (row: Row): BoundColumns => ({
  token: String(row['token']),
  sessionId: String(row['session_id']),
  deviceType: String(row['device_type']),
});
