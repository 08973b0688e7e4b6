import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vectors from '../../../test/vectors/onion-vectors.json' with { type: 'json' };
import { coarsePlaceOf, NO_SWARM, placeOf, SwarmSpace } from './swarm-space.protocol.js';

const RING = 2n ** 64n;
const { swarm_ids: ids, swarm: accounts } = vectors.spns_v2;

describe('the swarm of an account', () => {
  const space = new SwarmSpace(ids.map(BigInt));

  it.each(accounts.flatMap(({ account, ...rest }) => (account === undefined ? [] : [{ account, ...rest }])))(
    'is the recorded one: $account',
    ({ account, swarm_space: place, swarm_id: swarm }) => {
      const bytes = Buffer.from(account, 'hex');
      expect(placeOf(bytes)).toBe(BigInt(place));
      expect(coarsePlaceOf(bytes)).toBe(Number(BigInt(place) >> 48n));
      expect(space.swarmOf(bytes)).toBe(BigInt(swarm));
    },
  );

  it.each(accounts)('is the recorded one at the place $swarm_space', ({ swarm_space: place, swarm_id: swarm }) => {
    expect(space.swarmAt(BigInt(place))).toBe(BigInt(swarm));
  });

  it('does not depend on the prefix, and needs all 33 bytes', () => {
    const bytes = Buffer.from(accounts[0]?.account ?? '', 'hex');
    expect(placeOf(Buffer.concat([Buffer.from([5]), bytes.subarray(1)]))).toBe(placeOf(bytes));
    expect(() => placeOf(bytes.subarray(1))).toThrow(RangeError);
  });

  // From the storage server's own tests of swarm selection.
  const few = [100n, 200n, 300n, 399n, 498n, 596n, 694n];
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
    [RING - 1n, 100n],
  ])('is the nearest on the ring, the left of two: %s', (place, swarm) => {
    expect(new SwarmSpace(few).swarmAt(place)).toBe(swarm);
  });

  it('is the nearest around the end', () => {
    const around = new SwarmSpace([...few, RING - 20n]);
    expect(around.swarmAt(0x28n)).toBe(RING - 20n);
    expect(around.swarmAt(0x29n)).toBe(100n);
  });

  it('is the only one, or none', () => {
    expect(new SwarmSpace([7n]).swarmAt(RING - 1n)).toBe(7n);
    expect(new SwarmSpace([]).swarmAt(0n)).toBeNull();
    expect(new SwarmSpace([NO_SWARM]).swarmAt(0n)).toBeNull();
    expect(new SwarmSpace([]).rangesOf(0n)).toEqual([]);
  });

  it('comes of ids in any order, each once', () => {
    expect([...new SwarmSpace([3n, NO_SWARM, 1n, 3n, 2n])]).toEqual([1n, 2n, 3n]);
  });
});

describe('the ranges of a swarm', () => {
  const id = fc.bigInt({ min: 0n, max: NO_SWARM - 1n });
  const near = fc.tuple(id, fc.array(fc.bigInt({ min: 0n, max: 2n ** 50n }), { maxLength: 8 })).map(([base, steps]) => [base, ...steps.map((step) => (base + step) % RING)]); // prettier-ignore
  const sets = fc.oneof(fc.array(id, { minLength: 1, maxLength: 12 }), near);

  it('hold every place of the swarm, however close the swarms are', () => {
    fc.assert(
      fc.property(sets, fc.array(fc.bigInt({ min: 0n, max: RING - 1n })), (swarms, places) => {
        const space = new SwarmSpace(swarms);
        const edges = [...space].flatMap((swarm) => [swarm, swarm + 1n, swarm - 1n, swarm + 2n ** 49n]);
        for (const place of [...places, ...edges].map((value) => ((value % RING) + RING) % RING)) {
          const swarm = space.swarmAt(place);
          const coarse = Number(place >> 48n);
          const holding = [...space].filter((other) =>
            space.rangesOf(other).some(({ first, last }) => first <= coarse && coarse <= last),
          );
          expect(holding).toContain(swarm);
        }
      }),
    );
  });

  it('share no more than their edges', () => {
    fc.assert(
      fc.property(fc.array(id, { minLength: 2, maxLength: 12 }), (swarms) => {
        const space = new SwarmSpace(swarms);
        const all = [...space].flatMap((swarm) => space.rangesOf(swarm));
        const places = all.reduce((sum, { first, last }) => sum + last - first + 1, 0);
        expect(places).toBeLessThanOrEqual(65_536 + all.length);
      }),
    );
  });

  it('are two around the end of the ring, and none for a swarm that is not there', () => {
    const space = new SwarmSpace([0x1000n << 48n, 0xf000n << 48n]);
    expect(space.rangesOf(0xf000n << 48n)).toEqual([
      { first: 0, last: 0 },
      { first: 0x8000, last: 0xffff },
    ]);
    expect(space.rangesOf(0x1000n << 48n)).toEqual([{ first: 0, last: 0x8000 }]);
    expect(space.rangesOf(1n)).toEqual([]);
    expect(new SwarmSpace([1n]).rangesOf(1n)).toEqual([{ first: 0, last: 0xffff }]);
  });

  it('are everything for a swarm that has nearly everything', () => {
    const space = new SwarmSpace([2n ** 63n, 2n ** 63n + 2n]);
    expect(space.rangesOf(2n ** 63n)).toEqual([{ first: 0, last: 0x8000 }]);
    // Its places begin right behind the middle of a coarse place and end right before it, once around.
    const pair = new SwarmSpace([1n << 20n, (1n << 20n) + 2n]);
    expect(pair.rangesOf((1n << 20n) + 2n)).toEqual([{ first: 0, last: 0x8000 }]);
    expect(pair.rangesOf(1n << 20n)).toEqual([
      { first: 0, last: 0 },
      { first: 0x8000, last: 0xffff },
    ]);
    const split = 1n << 60n;
    const whole = new SwarmSpace([split, split + 10n, split + 20n]);
    expect(whole.rangesOf(split + 10n)).toEqual([{ first: 0x1000, last: 0x1000 }]);
  });
});
