/** A dict's keys are byte strings, written as one character for each byte (latin1), so that they compare as bytes do. */
export type BtDict = Map<string, BtValue>;
/** What {@link decodeBt} gives: integers are numbers as far as a number is exact, then BigInts; strings are bytes. */
export type BtValue = number | bigint | Buffer | BtValue[] | BtDict;

/** What {@link encodeBt} takes besides: text becomes UTF-8. */
export type BtInput = number | bigint | string | Uint8Array | readonly BtInput[] | ReadonlyMap<string, BtInput>;

export interface BtLimits {
  /** How many lists and dicts may lie within each other. */
  readonly maxDepth?: number;
  /** The longest encoding that is looked at, in bytes. */
  readonly maxBytes?: number;
  /** Lists, dicts, strings and integers altogether: what they become takes far more memory than their bytes. */
  readonly maxValues?: number;
  /** Take dicts whose keys are not in order or come twice; of a key that comes twice the first value counts. */
  readonly laxKeys?: boolean;
}

const LIST = 0x6c; // l
const DICT = 0x64; // d
const INTEGER = 0x69; // i
const END = 0x65; // e
const COLON = 0x3a;
const MINUS = 0x2d;
const ZERO = 0x30;

const DEFAULT_LIMITS = { maxDepth: 16, maxBytes: 16 * 1024 * 1024, maxValues: 1_000_000, laxKeys: false };
const MIN_INT64 = -(2n ** 63n);
const MAX_UINT64 = 2n ** 64n - 1n;
/** Digits that surely fit into a number. */
const EXACT_DIGITS = 15;
const MAX_DIGITS = 20;

/**
 * Reads one value in the bt encoding of the storage network (bencode with byte strings): `i<decimal>e` from -2^63 to
 * 2^64-1, `<length>:<bytes>`, `l...e`, `d<key><value>...e`. The strings are views into `bytes`, not copies.
 *
 * There is one encoding for each value, and only that is read: no leading zeros, no `-0`, keys ascending as unsigned bytes
 * and each once, nothing behind the value. Null for all else, and for what is beyond the limits.
 */
export function decodeBt(bytes: Buffer, limits: BtLimits = {}): BtValue | null {
  const { maxDepth, maxBytes, maxValues, laxKeys } = { ...DEFAULT_LIMITS, ...limits };
  if (bytes.length > maxBytes) return null;
  const reader = new BtReader(bytes, maxDepth, maxValues, laxKeys);
  const value = reader.value(0);
  return reader.isAtEnd ? value : null;
}

/** Reads one value after the other; null = it is none. */
class BtReader {
  private position = 0;

  constructor(
    private readonly bytes: Buffer,
    private readonly maxDepth: number,
    private valuesLeft: number,
    private readonly laxKeys: boolean,
  ) {}

  get isAtEnd(): boolean {
    return this.position === this.bytes.length;
  }

  value(depth: number): BtValue | null {
    if (this.valuesLeft-- <= 0) return null;
    if (this.takes(INTEGER)) return this.integer();
    if (this.takes(LIST)) return depth < this.maxDepth ? this.list(depth) : null;
    if (this.takes(DICT)) return depth < this.maxDepth ? this.dict(depth) : null;
    return this.string();
  }

  private list(depth: number): BtValue[] | null {
    const list: BtValue[] = [];
    while (!this.takes(END)) {
      const value = this.value(depth + 1);
      if (value === null) return null;
      list.push(value);
    }
    return list;
  }

  private dict(depth: number): BtDict | null {
    const dict: BtDict = new Map();
    let last: string | null = null;
    while (!this.takes(END)) {
      const key = this.string()?.toString('latin1');
      if (key === undefined || (!this.laxKeys && last !== null && key <= last)) return null;
      const value = this.value(depth + 1);
      if (value === null) return null;
      if (!dict.has(key)) dict.set(key, value);
      last = key;
    }
    return dict;
  }

  private string(): Buffer | null {
    const digits = this.digits();
    if (digits === null || digits.length > EXACT_DIGITS || !this.takes(COLON)) return null;
    const end = this.position + Number(digits);
    if (end > this.bytes.length) return null;
    const value = this.bytes.subarray(this.position, end);
    this.position = end;
    return value;
  }

  private integer(): number | bigint | null {
    const isNegative = this.takes(MINUS);
    const digits = this.digits();
    if (digits === null || digits.length > MAX_DIGITS || !this.takes(END)) return null;
    if (digits.length <= EXACT_DIGITS) {
      if (isNegative) return digits === '0' ? null : -Number(digits);
      return Number(digits);
    }
    const value = isNegative ? -BigInt(digits) : BigInt(digits);
    if (value < MIN_INT64 || value > MAX_UINT64) return null;
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  /** One digit or more, without leading zeros. */
  private digits(): string | null {
    const start = this.position;
    while (isDigit(this.bytes[this.position])) this.position++;
    const length = this.position - start;
    if (length === 0 || (length > 1 && this.bytes[start] === ZERO)) return null;
    return this.bytes.toString('latin1', start, Math.min(this.position, start + MAX_DIGITS + 1));
  }

  private takes(byte: number): boolean {
    if (this.bytes[this.position] !== byte) return false;
    this.position++;
    return true;
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte < ZERO + 10;
}

/**
 * Writes a value as {@link decodeBt} reads it. Keys are sorted as unsigned bytes; a key is one character for each byte.
 *
 * @throws {RangeError} for a number that is no safe integer, a BigInt outside of int64 and uint64, and a key with a
 * character above U+00FF
 */
export function encodeBt(value: BtInput): Buffer {
  const pieces: Uint8Array[] = [];
  let text = '';
  const flush = () => {
    if (text !== '') pieces.push(Buffer.from(text, 'latin1'));
    text = '';
  };
  const write = (item: BtInput): void => {
    if (typeof item === 'number' || typeof item === 'bigint') text += `i${checkedInteger(item)}e`;
    else if (typeof item === 'string') write(Buffer.from(item));
    else if (item instanceof Uint8Array) {
      text += `${item.length}:`;
      flush();
      pieces.push(item);
    } else if (item instanceof Map) {
      text += 'd';
      for (const key of [...item.keys()].toSorted(compareBytes)) {
        text += `${key.length}:${checkedKey(key)}`;
        write(item.get(key));
      }
      text += 'e';
    } else {
      text += 'l';
      for (const element of item as readonly BtInput[]) write(element);
      text += 'e';
    }
  };
  write(value);
  flush();
  return Buffer.concat(pieces);
}

function compareBytes(a: string, b: string): number {
  return a < b ? -1 : 1;
}

function checkedInteger(value: number | bigint): number | bigint {
  const isExact = typeof value === 'bigint' || Number.isSafeInteger(value);
  if (!isExact || value < MIN_INT64 || value > MAX_UINT64) throw new RangeError('Not an integer of the bt encoding');
  // -0 has no encoding of its own; adding zero makes it 0.
  return typeof value === 'bigint' ? value : value + 0;
}

function checkedKey(key: string): string {
  for (let at = 0; at < key.length; at++)
    if (key.charCodeAt(at) > 0xff) throw new RangeError('A key of the bt encoding is one character for each byte');
  return key;
}
