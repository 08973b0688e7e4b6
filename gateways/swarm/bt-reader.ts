/**
 * Reading bt values the way storage nodes do: from front to back, each value looked at when it is asked for. What is
 * never asked for may be anything, bytes after the end are not seen, and a dict whose keys are out of order seems to
 * lack some. Texts of errors are the nodes' own, they end up in answers.
 */
export class BtError extends Error {}

const MAX_UINT64 = 2n ** 64n - 1n;
const MIN_INT64 = -(2n ** 63n);
const code = (character: string): number => character.charCodeAt(0);
const [DICT, LIST, INTEGER, END, COLON] = [code('d'), code('l'), code('i'), code('e'), code(':')];

/** Inclusive. */
export interface Range {
  readonly min: bigint;
  readonly max: bigint;
}

export class BtListReader {
  private at = 1;

  constructor(private readonly bytes: Buffer) {
    if (bytes[0] !== LIST) throw new BtError('not a list');
  }

  get finished(): boolean {
    return byteAt(this.bytes, this.at) === END;
  }

  dict(): BtDictReader {
    if (byteAt(this.bytes, this.at) !== DICT) throw new BtError('next value is not a dict');
    const end = endOf(this.bytes, this.at);
    const dict = new BtDictReader(this.bytes.subarray(this.at, end));
    this.at = end;
    return dict;
  }

  integer(range: Range): bigint {
    if (byteAt(this.bytes, this.at) !== INTEGER) throw new BtError('next value is not an integer');
    const [value, end] = integerAt(this.bytes, this.at, range);
    this.at = end;
    return value;
  }
}

export class BtDictReader {
  private at = 1;
  private key: Buffer | undefined;

  constructor(private readonly bytes: Buffer) {
    if (bytes[0] !== DICT) throw new BtError('not a dict');
  }

  /** Goes on to the key, over smaller ones; false = the next key is a greater one, or there is none. */
  skipUntil(wanted: string): boolean {
    const name = Buffer.from(wanted);
    for (;;) {
      const key = this.nextKey();
      if (key === undefined) return false;
      const order = Buffer.compare(key, name);
      if (order >= 0) return order === 0;
      this.move(endOf(this.bytes, this.at));
    }
  }

  require(wanted: string): this {
    if (!this.skipUntil(wanted)) throw new BtError(`Key ${wanted} not found!`);
    return this;
  }

  /** The value of the key that was gone to, as with the other kinds. */
  string(): Buffer {
    if (!isDigit(byteAt(this.bytes, this.at))) throw new BtError('next bt dict value is not a string');
    const [start, end] = stringAt(this.bytes, this.at);
    this.move(end);
    return this.bytes.subarray(start, end);
  }

  integer(range: Range): bigint {
    if (byteAt(this.bytes, this.at) !== INTEGER) throw new BtError('next bt dict value is not an integer');
    const [value, end] = integerAt(this.bytes, this.at, range);
    this.move(end);
    return value;
  }

  list(): BtListReader {
    if (byteAt(this.bytes, this.at) !== LIST) throw new BtError('next bt dict value is not a list');
    const end = endOf(this.bytes, this.at);
    const list = new BtListReader(this.bytes.subarray(this.at, end));
    this.move(end);
    return list;
  }

  private nextKey(): Buffer | undefined {
    if (this.key) return this.key;
    if (byteAt(this.bytes, this.at) === END) return undefined;
    const [start, end] = stringAt(this.bytes, this.at);
    this.at = end;
    this.key = this.bytes.subarray(start, end);
    return this.key;
  }

  private move(to: number): void {
    this.at = to;
    this.key = undefined;
  }
}

/** Where the value that starts at `at` ends. */
function endOf(bytes: Buffer, at: number): number {
  const first = byteAt(bytes, at);
  if (first === INTEGER) return integerAt(bytes, at, { min: MIN_INT64, max: MAX_UINT64 })[1];
  if (first !== LIST && first !== DICT) return stringAt(bytes, at)[1];
  let next = at + 1;
  while (byteAt(bytes, next) !== END) {
    if (first === DICT) next = stringAt(bytes, next)[1];
    next = endOf(bytes, next);
  }
  return next + 1;
}

function stringAt(bytes: Buffer, at: number): [start: number, end: number] {
  let [length, next] = [0, at];
  while (isDigit(byteAt(bytes, next)) && length < bytes.length)
    length = length * 10 + byteAt(bytes, next++) - code('0');
  if (next === at || byteAt(bytes, next) !== COLON) throw new BtError('next value is not a string');
  const start = next + 1;
  if (start + length > bytes.length) throw new BtError('string is longer than what there is');
  return [start, start + length];
}

function integerAt(bytes: Buffer, at: number, { min, max }: Range): [value: bigint, end: number] {
  const last = bytes.indexOf(END, at);
  const digits = bytes.toString('latin1', at + 1, last === -1 ? bytes.length : last);
  if (last === -1 || !/^-?\d{1,30}$/.test(digits)) throw new BtError('Integer deserialization failed');
  const value = BigInt(digits);
  if (value > max) throw new BtError(`Integer deserialization failed: found too-large value ${value} > ${max}`);
  if (value < min) throw new BtError(`Integer deserialization failed: found too-low value ${value} < ${min}`);
  return [value, last + 1];
}

function byteAt(bytes: Buffer, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw new BtError('ends too early');
  return byte;
}

function isDigit(byte: number): boolean {
  return byte >= code('0') && byte <= code('9');
}
