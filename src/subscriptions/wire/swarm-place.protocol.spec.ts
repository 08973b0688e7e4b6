import { expect, it } from 'vitest';
import vectors from '../../../test/vectors/onion-vectors.json' with { type: 'json' };
import { swarmPlaceOf } from './swarm-place.protocol.js';

const known = vectors.spns_v2.swarm.flatMap(({ account, swarm_space: space }) => (account ? [{ account, space }] : []));

it.each(known)('is the upper 16 bits of the place of $account', ({ account, space }) => {
  expect(swarmPlaceOf(Buffer.from(account, 'hex'))).toBe(Number(BigInt(space) >> 48n));
});
