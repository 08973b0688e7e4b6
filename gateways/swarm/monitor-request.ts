import { BtDictReader, BtError, BtListReader, type Range } from './bt-reader.js';
import { btDict, type BtEntry, type BtValue, encodeBt } from './bt.js';
import { isSignedBy, toX25519 } from './keys.js';

const INT16: Range = { min: -32_768n, max: 32_767n };
const INT64: Range = { min: -(2n ** 63n), max: 2n ** 63n - 1n };
const BOOLEAN: Range = { min: 0n, max: 1n };
const DAY_NS = 86_400_000_000_000n;
const READ = 1;
const ANY_PREFIX = 8;

/** 1 arguments, 2 keys, 3 namespaces, 4 time, 5 signature, 6 an account of another swarm, 7 no swarms known. */
export type MonitorCode = 1 | 2 | 3 | 4 | 5 | 6 | 7;

/** What a phone has signed, found to be right. */
export interface Watch {
  /** 33 bytes. */
  readonly account: Buffer;
  /** Ascending. */
  readonly namespaces: readonly number[];
  readonly data: boolean;
}

/** One item of a request; `answer` are the entries of its dict. */
export type Judged = { readonly watch: Watch } | { readonly answer: readonly BtEntry[] };

/** The items of a request in their order, or the one answer to a request that cannot be read. */
export type Items =
  { readonly form: 'list' | 'dict'; readonly items: readonly Judged[] } | { readonly refused: Buffer };

interface Item {
  readonly ed25519: Buffer | null;
  readonly subaccount: { readonly signature: Buffer; readonly tag: Buffer } | null;
  readonly data: boolean;
  readonly namespaces: readonly number[];
  readonly account: Buffer | null;
  readonly signature: Buffer;
  readonly time: bigint;
}

class Refusal extends Error {
  constructor(
    readonly code: MonitorCode,
    text: string,
  ) {
    super(text);
  }
}

/**
 * Reads the part of a `monitor.messages` request and judges each of its items by the clock (ms) and the signatures,
 * with the texts and the slips of storage servers 2.8 to 2.11.
 */
export function readMonitorRequest(part: Buffer, nowMs: number): Items {
  const form = part[0] === 0x64 ? 'dict' : 'list';
  if (part.length < 2 || !/^[dl]$/.test(part.toString('latin1', 0, 1)) || part.at(-1) !== 0x65) {
    const text = 'Invalid arguments: monitor request takes a single bencoded dict or list parameter';
    return { refused: encodeBt({ dict: refusalEntries(1, text) }) };
  }
  try {
    if (form === 'dict') return { form, items: [judge(new BtDictReader(part), nowMs)] };
    const list = new BtListReader(part);
    const items: Judged[] = [];
    while (!list.finished) items.push(judge(list.dict(), nowMs));
    return { form, items };
  } catch (error) {
    if (!(error instanceof BtError)) throw error;
    const text = 'Invalid arguments: Failed to parse monitor.messages data value';
    return { refused: encodeBt({ dict: refusalEntries(1, text) }) };
  }
}

/** The entries of an item's answer that says no. */
export function refusalEntries(errcode: MonitorCode, error: string, more: Record<string, BtValue> = {}): BtEntry[] {
  return [['errcode', errcode], ['error', error], ...Object.entries(more)];
}

/** The answer to a request whose items have been answered one by one; undefined = success. */
export function encodeAnswers(form: 'list' | 'dict', answers: readonly (readonly BtEntry[] | undefined)[]): Buffer {
  const dicts = answers.map((entries): BtValue => (entries ? { dict: entries } : btDict({ success: 1 })));
  return encodeBt(form === 'list' ? dicts : (dicts[0] ?? btDict({})));
}

function judge(dict: BtDictReader, nowMs: number): Judged {
  const answer: BtEntry[] = [];
  try {
    const item = readItem(dict, (code, text) => answer.push(...refusalEntries(code, text)));
    checkTime(item.time, BigInt(Math.round(nowMs)) * 1_000_000n);
    const watch = checkSignatures(item);
    if (answer.length === 0) return { watch };
  } catch (error) {
    if (error instanceof Refusal) answer.push(...refusalEntries(error.code, error.message));
    else if (error instanceof BtError) answer.push(...refusalEntries(1, `Invalid arguments: ${error.message}`));
    else throw error;
  }
  return { answer };
}

/** In the order of the keys. `slip` takes the one error after which a node goes on, so that it says two. */
function readItem(dict: BtDictReader, slip: (code: MonitorCode, text: string) => void): Item {
  const ed25519 = dict.skipUntil('P') ? dict.string() : null;
  if (ed25519 && ed25519.length !== 32) throw new Refusal(2, 'Provided P= Session Ed25519 pubkey must be 32 bytes');
  const subaccount = dict.skipUntil('S') ? readSubaccount(dict) : null;
  const data = dict.skipUntil('d') && dict.integer(BOOLEAN) === 1n;
  const namespaces = readNamespaces(dict.require('n').list());
  const account = readAccount(dict, ed25519 !== null, slip);
  const signature = dict.require('s').string();
  if (signature.length !== 64) throw new Refusal(5, 'Provided s= signature must be 64 bytes');
  if (!dict.skipUntil('t')) throw new BtError('required signature timestamp is missing');
  return { ed25519, subaccount, data, namespaces, account, signature, time: dict.integer(INT64) };
}

function readSubaccount(dict: BtDictReader): Item['subaccount'] {
  const signature = dict.string();
  if (signature.length !== 64) throw new Refusal(2, 'Provided S subaccount signature must be 64 bytes');
  const tag = dict.require('T').string();
  if (tag.length !== 36) throw new Refusal(2, 'Provided T subaccount token must be 36 bytes');
  return { signature, tag };
}

function readNamespaces(list: BtListReader): number[] {
  const namespaces: number[] = [];
  do {
    const namespace = Number(list.integer(INT16));
    const last = namespaces.at(-1);
    if (last !== undefined && namespace <= last) {
      throw new Refusal(3, 'Invalid n= namespace list: namespaces must be ascending');
    }
    namespaces.push(namespace);
  } while (!list.finished);
  return namespaces;
}

function readAccount(dict: BtDictReader, hasEd25519: boolean, slip: (code: 2, text: string) => void): Buffer | null {
  if (!dict.skipUntil('p')) {
    if (!hasEd25519) throw new BtError('Either p= or P= must be given');
    return null;
  }
  if (hasEd25519) throw new BtError('Cannot provide both p= and P= pubkey values');
  const account = dict.string();
  if (account.length !== 33) slip(2, 'Provided p= pubkey must be 33 bytes');
  return account;
}

function checkTime(seconds: bigint, nowNs: bigint): void {
  // Their clock counts nanoseconds in 64 bits, so that milliseconds taken for seconds lie in the past.
  const time = BigInt.asIntN(64, seconds * 1_000_000_000n);
  const tooOld = time < nowNs - 14n * DAY_NS;
  if (!tooOld && time <= nowNs + DAY_NS) return;
  throw new Refusal(4, `Invalid t= signature timestamp: timestamp is ${tooOld ? 'too old' : 'in the future'}`);
}

function checkSignatures(item: Item): Watch {
  const { account, owner } = accountOf(item);
  const signer = item.subaccount ? subaccountKey(item.subaccount, account, owner) : owner;
  const namespaces = item.namespaces.join(',');
  const text = `MONITOR${account.toString('hex')}${item.time}${item.data ? 1 : 0}${namespaces}`;
  if (!isSignedBy(signer, text, item.signature)) throw new Refusal(5, 'Signature verification failed');
  return { account, namespaces: item.namespaces, data: item.data };
}

function accountOf({ ed25519, account }: Item): { account: Buffer; owner: Buffer } {
  if (!ed25519) {
    const given = account ?? Buffer.alloc(0);
    return { account: given, owner: given.subarray(1) };
  }
  const x25519 = toX25519(ed25519);
  if (!x25519) throw new Refusal(2, 'Invalid P= ed25519 public key');
  return { account: Buffer.concat([Buffer.of(5), x25519]), owner: ed25519 };
}

/** Tag: network prefix (1), flags (1), two zero bytes, Ed25519 key (32). */
function subaccountKey({ signature, tag }: { signature: Buffer; tag: Buffer }, account: Buffer, owner: Buffer): Buffer {
  const [prefix = 0, flags = 0] = tag;
  const fail = (why: string) => new Refusal(5, `Subaccount verification failed: ${why}`);
  if (prefix !== account[0] && (flags & ANY_PREFIX) === 0) throw fail('subaccount network prefix mismatch');
  if ((flags & READ) === 0) throw fail('subaccount is missing the required permissions');
  if (!isSignedBy(owner, tag, signature)) throw fail('subaccount token signature verification failed');
  return tag.subarray(4);
}
