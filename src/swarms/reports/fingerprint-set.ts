const FIRST_CAPACITY = 4096;

/**
 * A set of 64-bit fingerprints that are evenly spread, 8 bytes each: open addressing in a table that doubles when it is half
 * full, up to `max` fingerprints. An empty place is all zeros, so a fingerprint of zeros is replaced by another.
 */
export class FingerprintSet {
  private table = new Uint32Array(FIRST_CAPACITY * 2);
  private count = 0;

  constructor(private readonly max: number) {}

  get size(): number {
    return this.count;
  }

  get isFull(): boolean {
    return this.count >= this.max;
  }

  has(fingerprint: Buffer): boolean {
    const [high, low] = halvesOf(fingerprint);
    return this.slotOf(this.table, high, low).found;
  }

  add(fingerprint: Buffer): void {
    const [high, low] = halvesOf(fingerprint);
    const { found, slot } = this.slotOf(this.table, high, low);
    if (found) return;
    this.table[slot] = high;
    this.table[slot + 1] = low;
    this.count++;
    if (this.count * 4 >= this.table.length) this.grow();
  }

  private grow(): void {
    const larger = new Uint32Array(this.table.length * 2);
    for (let at = 0; at < this.table.length; at += 2) {
      const [high = 0, low = 0] = [this.table[at], this.table[at + 1]];
      if (high === 0 && low === 0) continue;
      const { slot } = this.slotOf(larger, high, low);
      larger[slot] = high;
      larger[slot + 1] = low;
    }
    this.table = larger;
  }

  private slotOf(table: Uint32Array, high: number, low: number): { found: boolean; slot: number } {
    const mask = table.length / 2 - 1;
    for (let index = low & mask; ; index = (index + 1) & mask) {
      const slot = index * 2;
      if (table[slot] === 0 && table[slot + 1] === 0) return { found: false, slot };
      if (table[slot] === high && table[slot + 1] === low) return { found: true, slot };
    }
  }
}

function halvesOf(fingerprint: Buffer): [number, number] {
  const [high, low] = [fingerprint.readUInt32LE(0), fingerprint.readUInt32LE(4)];
  return high === 0 && low === 0 ? [1, 0] : [high, low];
}
