/** The id that stands for "in no swarm". */
export const NO_SWARM = 2n ** 64n - 1n;

const wrap = (value: bigint): bigint => BigInt.asUintN(64, value);

/** Where an account (33 bytes) lies among the swarms: the four big-endian words of its key, XORed. */
export function placeOf(account: Buffer): bigint {
  return [1, 9, 17, 25].reduce((place, offset) => place ^ account.readBigUInt64BE(offset), 0n);
}

/** The swarm that is nearest to a place on the ring of 2^64; the one before it when two are equally near. */
export function nearestSwarm(place: bigint, swarmIds: Iterable<bigint>): bigint | null {
  const ids = [...new Set(swarmIds)].toSorted((a, b) => (a < b ? -1 : 1));
  const [first, last] = [ids[0], ids.at(-1)];
  if (first === undefined || last === undefined) return null;
  const index = ids.findIndex((id) => id >= place);
  const right = ids[index] ?? first;
  const left = index <= 0 ? last : (ids[index - 1] ?? last);
  return wrap(right - place) < wrap(place - left) ? right : left;
}

/** null = there is no swarm at all. */
export function swarmOf(account: Buffer, swarmIds: Iterable<bigint>): bigint | null {
  return nearestSwarm(placeOf(account), swarmIds);
}
