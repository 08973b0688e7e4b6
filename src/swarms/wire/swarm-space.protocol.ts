/** 2^64: places and swarm ids are points on a ring of this length. */
const RING = 2n ** 64n;
const MASK = RING - 1n;
const PLACE_SHIFT = 48n;
const LAST_PLACE = 0xffff;
const ACCOUNT_BYTES = 33;

/** No swarm has this id; nodes carry it that are in none. */
export const NO_SWARM = MASK;

/**
 * Where an account lies on the ring: the four big-endian 64-bit numbers of its 32-byte key, XORed.
 *
 * @param account 33 bytes: the prefix, which does not matter, and the key
 */
export function placeOf(account: Buffer): bigint {
  if (account.length !== ACCOUNT_BYTES) throw new RangeError(`An account has ${ACCOUNT_BYTES} bytes`);
  return (
    account.readBigUInt64BE(1) ^ account.readBigUInt64BE(9) ^ account.readBigUInt64BE(17) ^ account.readBigUInt64BE(25)
  );
}

/** The top 16 bits of a place: the column by which accounts of a swarm are found. */
export function coarsePlaceOf(account: Buffer): number {
  return Number(placeOf(account) >> PLACE_SHIFT);
}

/** Coarse places from the first to the last, both included. */
export interface PlaceRange {
  readonly first: number;
  readonly last: number;
}

/**
 * The swarms on the ring. An account belongs to the swarm that is nearest to its place, and to the one on the left when two
 * are equally near; distances go around the ring.
 */
export class SwarmSpace {
  private readonly ids: BigUint64Array;

  /** @param ids in any order and more than once; {@link NO_SWARM} is passed over */
  constructor(ids: Iterable<bigint>) {
    this.ids = BigUint64Array.from([...new Set(ids)].filter((id) => id !== NO_SWARM)).toSorted();
  }

  get size(): number {
    return this.ids.length;
  }

  [Symbol.iterator](): IterableIterator<bigint> {
    return this.ids.values();
  }

  /** The swarm of a place, exact to the last bit; null when there is no swarm. */
  swarmAt(place: bigint): bigint | null {
    if (this.ids.length === 0) return null;
    const at = this.firstAtOrAfter(place);
    const right = this.at(at);
    const left = this.at(at - 1);
    return ((right - place) & MASK) < ((place - left) & MASK) ? right : left;
  }

  swarmOf(account: Buffer): bigint | null {
    return this.swarmAt(placeOf(account));
  }

  /**
   * The coarse places in which accounts of a swarm can lie: one range, or two when it lies around the end of the ring. Its
   * first and last coarse place may belong to neighbours too; {@link swarmAt} tells.
   */
  rangesOf(swarm: bigint): PlaceRange[] {
    const at = this.firstAtOrAfter(swarm);
    if (this.ids[at] !== swarm) return [];
    if (this.ids.length === 1) return [{ first: 0, last: LAST_PLACE }];
    const [left, right] = [this.at(at - 1), this.at(at + 1)];
    // The place in the middle belongs to the swarm on its left.
    const from = (left + ((swarm - left) & MASK) / 2n + 1n) & MASK;
    const to = (swarm + ((right - swarm) & MASK) / 2n) & MASK;
    const [first, last] = [Number(from >> PLACE_SHIFT), Number(to >> PLACE_SHIFT)];
    if (from <= to) return [{ first, last }];
    // It lies around the end. A swarm never has more than half of the ring, unless it is the only one.
    return [{ first: 0, last }, { first, last: LAST_PLACE }]; // prettier-ignore
  }

  private firstAtOrAfter(place: bigint): number {
    let [low, high] = [0, this.ids.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.at(middle) < place) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private at(index: number): bigint {
    const { length } = this.ids;
    return this.ids[(index + length) % length] as bigint;
  }
}
