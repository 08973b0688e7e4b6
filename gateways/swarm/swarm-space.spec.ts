import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nearestSwarm, placeOf, swarmOf } from './swarm-space.js';

interface Choice {
  readonly account?: string;
  readonly swarm_space: string;
  readonly swarm_id: string;
}
interface Vectors {
  readonly spns_v2: { readonly swarm_ids: readonly string[]; readonly swarm: readonly Choice[] };
}

const FILE = join(import.meta.dirname, '../../test/vectors/onion-vectors.json');
const { spns_v2: known } = JSON.parse(readFileSync(FILE, 'utf8')) as Vectors;
const ids = known.swarm_ids.map(BigInt);

describe('the swarm of an account', () => {
  it.each(known.swarm)('$swarm_space → $swarm_id', ({ account, swarm_space: place, swarm_id: id }) => {
    expect(nearestSwarm(BigInt(place), ids)).toBe(BigInt(id));
    if (account === undefined) return;
    expect(placeOf(Buffer.from(account, 'hex'))).toBe(BigInt(place));
    expect(swarmOf(Buffer.from(account, 'hex'), ids)).toBe(BigInt(id));
  });

  it.each<[bigint, bigint]>([
    [0n, 100n],
    [0x95n, 100n],
    [0x96n, 100n],
    [0x97n, 200n],
    [0xfan, 200n],
    [0xfbn, 300n],
    [0x15dn, 300n],
    [0x15en, 399n],
    [0x286n, 694n],
    [0x800000000000018dn, 694n],
    [0x800000000000018en, 100n],
    [2n ** 64n - 1n, 100n],
  ])('%i is nearest to %i', (place, id) => {
    expect(nearestSwarm(place, [694n, 100n, 200n, 300n, 399n, 498n, 596n])).toBe(id);
  });

  it('goes around the end of the ring', () => {
    const ring = [100n, 200n, 694n, 2n ** 64n - 20n];
    expect([nearestSwarm(0x28n, ring), nearestSwarm(0x29n, ring)]).toEqual([2n ** 64n - 20n, 100n]);
  });

  it('is the only one, or none', () => {
    expect([nearestSwarm(2n ** 63n, [7n]), nearestSwarm(1n, [])]).toEqual([7n, null]);
  });
});
