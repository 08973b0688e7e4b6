import { type BtDict, type BtInput, type BtValue, decodeBt, encodeBt } from '../../encoding/bt.js';

/** What a phone signed so that its account may be watched, as a node wants to see it. */
export interface SignedAccount {
  /** 33 bytes: the prefix and the key. */
  readonly account: Buffer;
  /** The Ed25519 key, 32 bytes, of which the key of a 05 account was made; null for other accounts. */
  readonly ed25519: Buffer | null;
  /** A subaccount that may read: its tag (36 bytes) and the account's signature of it (64 bytes); null = the account's own. */
  readonly subaccount: { readonly tag: Buffer; readonly signature: Buffer } | null;
  /** Ascending, without repetition, each an int16. */
  readonly namespaces: readonly number[];
  /** Whether notifications bring the message itself. */
  readonly wantsData: boolean;
  /** When it was signed, in seconds. */
  readonly signedAt: number;
  /** 64 bytes. */
  readonly signature: Buffer;
}

/**
 * One account as `monitor.messages` takes it, a bt-dict: `P` Ed25519 key, or `p` account · `S`, `T` subaccount's signature
 * and tag · `d` 1 when data is wanted · `n` namespaces · `s` signature · `t` seconds.
 */
export function encodeMonitorAccount(signed: SignedAccount): Buffer {
  const { account, ed25519, subaccount, namespaces, wantsData, signedAt, signature } = signed;
  const dict = new Map<string, BtInput>([
    ...(ed25519 ? ([['P', ed25519]] as const) : ([['p', account]] as const)),
    ...(subaccount ? ([['S', subaccount.signature], ['T', subaccount.tag]] as const) : []), // prettier-ignore
    ...(wantsData ? ([['d', 1]] as const) : []),
    ['n', namespaces],
    ['s', signature],
    ['t', signedAt],
  ]);
  return encodeBt(dict);
}

/** The one part of a request: a bt-list of what {@link encodeMonitorAccount} wrote. */
export function encodeMonitorRequest(accounts: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from('l'), ...accounts, Buffer.from('e')]);
}

/** What a node says about one account. */
export type MonitorResult =
  | 'watched'
  /** 1, 2, 3 and codes that are not known: the node finds our request malformed. */
  | 'malformed'
  /** 4: signed more than 14 days ago, or a day ahead. */
  | 'stale'
  /** 5: the signature is wrong, or the subaccount may not read. */
  | 'bad-signature'
  /** 6: another swarm keeps this account. */
  | 'elsewhere'
  /** 7: the node does not know the swarms yet. */
  | 'not-ready';

const RESULTS: Readonly<Record<number, MonitorResult>> = {
  4: 'stale',
  5: 'bad-signature',
  6: 'elsewhere',
  7: 'not-ready',
};
const LIMITS = { maxDepth: 8, maxBytes: 4 * 1024 * 1024, maxValues: 400_000, laxKeys: true };

/**
 * Reads the answer, one part, a bt-list of dicts in the order of the question: `success` 1, or `errcode` and `error` (and
 * with 6 hints that we do not follow). A single dict says that the whole request could not be read.
 *
 * Released nodes write `errcode` twice into one dict for a key of a wrong length; the first counts, and the other answers
 * hold. Null when it is no answer to so many accounts.
 */
export function decodeMonitorAnswer(parts: readonly Buffer[], accounts: number): MonitorResult[] | null {
  const [part] = parts;
  if (parts.length !== 1 || !part) return null;
  const answer = decodeBt(part, LIMITS);
  if (answer instanceof Map) {
    const result = resultOf(answer);
    return result === null || result === 'watched' ? null : new Array<MonitorResult>(accounts).fill(result);
  }
  if (!Array.isArray(answer) || answer.length !== accounts) return null;
  const results = answer.map((item) => (item instanceof Map ? resultOf(item) : null));
  return results.every((result) => result !== null) ? results : null;
}

function resultOf(dict: BtDict): MonitorResult | null {
  const code: BtValue | undefined = dict.get('errcode');
  if (code === undefined) return dict.get('success') === 1 ? 'watched' : null;
  return typeof code === 'number' ? (RESULTS[code] ?? 'malformed') : null;
}
