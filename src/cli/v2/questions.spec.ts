import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { questionOf, wishesOf } from './questions.js';
import { type SignedWish } from '../../subscriptions/registry/item-checks.js';

const wish = (changes: Partial<SignedWish>): SignedWish => ({
  account: randomBytes(33),
  sessionEd25519: null,
  subaccount: null,
  signature: randomBytes(64),
  sigTs: 1_790_000_000,
  wantsData: true,
  namespaces: [0],
  ...changes,
});

describe('a question to another thread', () => {
  it('arrives as it was asked, whoever signs', () => {
    const subaccount = { tag: randomBytes(36), signature: randomBytes(64) };
    const wishes = [
      wish({ sessionEd25519: randomBytes(32), namespaces: [-11, 0, 2, 32_767] }),
      wish({ subaccount, sigTs: -1, wantsData: false }),
      wish({ sessionEd25519: randomBytes(32), subaccount }),
      wish({}),
    ];
    const copied = structuredClone(questionOf(wishes, 5));
    expect(copied.now).toBe(5);
    expect(wishesOf(copied)).toEqual(wishes);
  });
});
