import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { packCredentials, unpackCredentials } from './credentials.protocol.js';

const [signature, sessionEd25519] = [randomBytes(64), randomBytes(32)];
const subaccount = { tag: randomBytes(36), signature: randomBytes(64) };

it.each([
  [64, { signature, sessionEd25519: null, subaccount: null }],
  [96, { signature, sessionEd25519, subaccount: null }],
  [164, { signature, sessionEd25519: null, subaccount }],
  [196, { signature, sessionEd25519, subaccount }],
])('takes %i bytes for what was signed with, and gives it back', (length, credentials) => {
  const packed = packCredentials(credentials);
  expect(packed).toHaveLength(length);
  expect(unpackCredentials(packed)).toEqual(credentials);
});

it('are nothing when any byte is missing or too many', () => {
  const lengths = Array.from({ length: 260 }, (_, length) => length);
  const understood = lengths.filter((length) => unpackCredentials(Buffer.alloc(length)) !== null);
  expect(understood).toEqual([64, 96, 164, 196]);
});
