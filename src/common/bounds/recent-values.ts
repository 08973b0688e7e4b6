import { randomInt } from 'node:crypto';

export interface RecentValuesLimits {
  readonly periodMs: number;
  /** The most keys, of which the newer half is always known. */
  readonly maxKeys: number;
  /** The most bytes of values, likewise. Default: keys have no values. */
  readonly maxBytes?: number;
}

/** Words of 32 bits: the key, folded to 128 bits; then when it was added, and where its value is. */
const KEY_WORDS = 4;
const [TIME, START, LENGTH] = [4, 5, 6];
const SLOT_WORDS = 7;
const FIRST_SLOTS = 1024;
const FIRST_BYTES = 64 * 1024;

/** Without it somebody could choose keys that all begin at one place of the table. */
const SEEDS = Array.from({ length: KEY_WORDS }, () => randomInt(2 ** 32));

/**
 * What was added within the last `periodMs`, by keys of Latin-1 characters that are digests or authentication tags: they are
 * folded to 128 bits, which keeps such keys apart and no others.
 *
 * Keys and values lie in a few large buffers and not as objects, because hundreds of thousands of strings that live for
 * minutes cost the garbage collector more than everything else that a request does (docs/performance.md). Two generations,
 * of which the older is dropped as a whole: there is no upkeep per key, and no memory before it is needed.
 */
export class RecentValues {
  private younger = new Generation();
  private older = new Generation();
  private readonly epoch = performance.now();
  private turnedAt = 0;
  private readonly words = new Uint32Array(KEY_WORDS);

  constructor(private readonly limits: RecentValuesLimits) {}

  has(key: string): boolean {
    return this.find(key) !== null;
  }

  /** A copy of the value; null = not known. */
  find(key: string): Buffer | null {
    fold(key, this.words);
    const oldest = this.now() - this.limits.periodMs;
    return this.younger.find(this.words, oldest) ?? this.older.find(this.words, oldest);
  }

  /** A value that is larger than half of what there is room for is not kept. */
  set(key: string, value: Buffer = EMPTY): void {
    const { periodMs, maxKeys, maxBytes = 0 } = this.limits;
    if (value.length > maxBytes / 2) return;
    const now = this.now();
    const { count, bytes } = this.younger;
    const isFull = count * 2 >= maxKeys || (value.length > 0 && (bytes + value.length) * 2 > maxBytes);
    if (isFull || now - this.turnedAt >= periodMs) {
      this.older = this.younger;
      this.younger = new Generation();
      this.turnedAt = now;
    }
    fold(key, this.words);
    this.younger.set(this.words, now, value);
  }

  private now(): number {
    return Math.floor(performance.now() - this.epoch) + 1;
  }
}

const EMPTY = Buffer.alloc(0);

/** A table with open addressing that is at most half full; an empty slot has the time 0. Values lie one behind the other. */
class Generation {
  count = 0;
  bytes = 0;
  private table = new Uint32Array(FIRST_SLOTS * SLOT_WORDS);
  private values = EMPTY;

  /** @param oldest of the times that count */
  find(key: Uint32Array, oldest: number): Buffer | null {
    const { table } = this;
    const slot = slotOf(table, key);
    const time = table[slot + TIME] ?? 0;
    if (time === 0 || time <= oldest) return null;
    const start = table[slot + START] ?? 0;
    const length = table[slot + LENGTH] ?? 0;
    return length === 0 ? EMPTY : Buffer.from(this.values.subarray(start, start + length));
  }

  set(key: Uint32Array, time: number, value: Buffer): void {
    if ((this.count + 1) * 2 > this.table.length / SLOT_WORDS) this.grow();
    const { table } = this;
    const slot = slotOf(table, key);
    if (table[slot + TIME] === 0) this.count++;
    for (let word = 0; word < KEY_WORDS; word++) table[slot + word] = key[word] ?? 0;
    table[slot + TIME] = time;
    table[slot + START] = this.append(value);
    table[slot + LENGTH] = value.length;
  }

  private append(value: Buffer): number {
    const start = this.bytes;
    this.bytes += value.length;
    if (this.bytes > this.values.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, this.values.length * 2, this.bytes));
      this.values.copy(larger);
      this.values = larger;
    }
    value.copy(this.values, start);
    return start;
  }

  private grow(): void {
    const { table } = this;
    const larger = new Uint32Array(table.length * 2);
    for (let at = 0; at < table.length; at += SLOT_WORDS) {
      if (table[at + TIME] === 0) continue;
      const slot = slotOf(larger, table, at);
      for (let word = 0; word < SLOT_WORDS; word++) larger[slot + word] = table[at + word] ?? 0;
    }
    this.table = larger;
  }
}

/**
 * Where the key is, or where it goes.
 *
 * @param at where the key begins in `key`
 */
function slotOf(table: Uint32Array, key: Uint32Array, at = 0): number {
  const mask = table.length / SLOT_WORDS - 1;
  for (let index = placeOf(key, at) & mask; ; index = (index + 1) & mask) {
    const slot = index * SLOT_WORDS;
    if (table[slot + TIME] === 0) return slot;
    if (
      table[slot] === key[at] &&
      table[slot + 1] === key[at + 1] &&
      table[slot + 2] === key[at + 2] &&
      table[slot + 3] === key[at + 3]
    ) {
      return slot;
    }
  }
}

function placeOf(key: Uint32Array, at: number): number {
  let place = 0;
  for (let word = 0; word < KEY_WORDS; word++) {
    place = Math.imul(place ^ (key[at + word] ?? 0) ^ (SEEDS[word] ?? 0), 0x9e3779b1);
    place ^= place >>> 15;
  }
  return place;
}

/** The characters' low bytes, 16 by 16, one over the other. */
function fold(key: string, words: Uint32Array): void {
  words.fill(0);
  for (let at = 0; at < key.length; at++) {
    const word = (at >> 2) & 3;
    words[word] = (words[word] ?? 0) ^ (key.charCodeAt(at) << ((at & 3) * 8));
  }
}
