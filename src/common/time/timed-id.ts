import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

const BYTES = 16;
const random = Buffer.alloc(256 * BYTES);
let taken = random.length;

/**
 * A new UUID of version 7 (RFC 9562): those of one time lie together in an index. The random numbers are fetched for many at
 * once, because a call of the generator costs as much as ten of these ids.
 */
export function newTimedId(): string {
  if (taken === random.length) {
    randomFillSync(random);
    taken = 0;
  }
  return v7({ random: random.subarray(taken, (taken += BYTES)) });
}
