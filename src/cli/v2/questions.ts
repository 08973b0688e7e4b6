import { packCredentials, unpackCredentials } from '../../subscriptions/wire/credentials.protocol.js';
import { type SignedWish } from '../../subscriptions/registry/item-checks.js';
import { namespacesOf } from '../../subscriptions/registry/stored-subscription.js';

const ACCOUNT_BYTES = 33;

/** Subscriptions on their way to another thread, column by column: objects with some buffers each take longer to copy. */
export interface Question {
  /** UTC epoch seconds. */
  readonly now: number;
  readonly accounts: Uint8Array;
  /** One behind the other. */
  readonly credentials: Uint8Array;
  /** Where each of the credentials ends. */
  readonly ends: readonly number[];
  readonly sigTs: readonly number[];
  readonly wantsData: readonly boolean[];
  readonly namespaces: readonly string[];
}

/** For each of them what is wrong with it; null = nothing. */
export type Answer = readonly (string | null)[];

export function questionOf(items: readonly SignedWish[], now: number): Question {
  const credentials = items.map(packCredentials);
  let end = 0;
  return {
    now,
    accounts: Buffer.concat(items.map(({ account }) => account)),
    credentials: Buffer.concat(credentials),
    ends: credentials.map(({ length }) => (end += length)),
    sigTs: items.map(({ sigTs }) => sigTs),
    wantsData: items.map(({ wantsData }) => wantsData),
    namespaces: items.map(({ namespaces }) => namespaces.join(',')),
  };
}

export function wishesOf({ accounts, credentials, ends, sigTs, wantsData, namespaces }: Question): SignedWish[] {
  const part = ({ buffer, byteOffset }: Uint8Array, from: number, to: number): Buffer =>
    Buffer.from(buffer, byteOffset + from, to - from);
  return ends.map((end, index) => {
    const unpacked = unpackCredentials(part(credentials, ends[index - 1] ?? 0, end));
    if (!unpacked) throw new Error('What was packed here can be unpacked.');
    return {
      ...unpacked,
      account: part(accounts, index * ACCOUNT_BYTES, (index + 1) * ACCOUNT_BYTES),
      sigTs: sigTs[index] ?? 0,
      wantsData: wantsData[index] ?? false,
      namespaces: namespacesOf(namespaces[index] ?? ''),
    };
  });
}
