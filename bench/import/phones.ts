import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { type V2Columns } from '../../src/cli/v2/v2-database.js';
import { monitorText } from '../../src/subscriptions/wire/signatures.protocol.js';

/** Of a hundred rows so many are of a group's members, whose leave to read is a second signature to check. */
const MEMBERS_PER_HUNDRED = 25;
const MEMBERS_PER_GROUP = 10;

/** What today's apps ask for. */
const NAMESPACES_OF_SESSION_ID = [0, 2, 3, 4, 5];
const NAMESPACES_OF_GROUP = [11, 12, 13, 14];

const PRIME = 2n ** 255n - 19n;

/** Rows of the existing server's `subscriptions`, column by column. */
export interface Phones {
  readonly columns: V2Columns;
  readonly namespaces: readonly (readonly number[])[];
}

interface Key {
  readonly secret: KeyObject;
  readonly publicKey: Buffer;
}

/**
 * Phones of people and of members of groups, each with keys and signatures of its own as its app makes them: two in three on
 * Android, one in three on iOS.
 *
 * @param now UTC epoch seconds; signed within the week before
 */
export function makePhones(count: number, now: number): Phones {
  const members = Math.floor((count * MEMBERS_PER_HUNDRED) / 100);
  const people = Array.from({ length: count - members }, newKey);
  const ids = sessionIdsOf(people.map(({ publicKey }) => publicKey));
  let group: Key | null = null;
  const signers = [
    ...people.map((key, index) => ({ account: ids[index] as Buffer, key, member: null })),
    ...Array.from({ length: members }, (_, index) => {
      if (group === null || index % MEMBERS_PER_GROUP === 0) group = newKey();
      const key = newKey();
      const tag = Buffer.concat([Buffer.from('03030000', 'hex'), key.publicKey]);
      const account = Buffer.concat([Buffer.from('03', 'hex'), group.publicKey]);
      return { account, key, member: { tag, signature: sign(null, tag, group.secret) } };
    }),
  ];
  const namespaces = signers.map(({ member }) => (member ? NAMESPACES_OF_GROUP : NAMESPACES_OF_SESSION_ID));
  const times = signers.map((_, index) => now - ((index * 7919) % (7 * 86_400)));
  const columns: V2Columns = [
    signers.map(({ account }) => account),
    signers.map(({ key, member }) => (member ? null : key.publicKey)),
    signers.map(({ member }) => member && member.tag),
    signers.map(({ member }) => member && member.signature),
    signers.map(({ account, key }, index) => {
      const text = monitorText(account, times[index] ?? 0, true, namespaces[index] ?? []);
      return sign(null, Buffer.from(text), key.secret);
    }),
    times,
    signers.map(() => true),
    signers.map(() => randomBytes(32)),
    signers.map((_, index) => (index % 3 === 0 ? 'apns' : 'firebase')),
    signers.map((_, index) => (index % 3 === 0 ? randomBytes(32).toString('hex') : newAndroidToken())),
  ];
  return { columns, namespaces };
}

const newAndroidToken = (): string =>
  `${randomBytes(16).toString('base64url')}:APA91b${randomBytes(100).toString('base64url')}`;

function newKey(): Key {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return { secret: privateKey, publicKey: Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url') };
}

/**
 * The Session ids of Ed25519 keys: u = (1 + y) / (1 - y) modulo 2^255 - 19 (RFC 7748, section 4.1). A division costs more
 * than everything else, so there is one for all: of the product, from which each one's share is multiplied back.
 */
function sessionIdsOf(keys: readonly Buffer[]): Buffer[] {
  const ys = keys.map((key) => BigInt(`0x${Buffer.from(key.toReversed()).toString('hex')}`) & (2n ** 255n - 1n));
  const divisors = ys.map((y) => (PRIME + 1n - y) % PRIME);
  const products = [1n];
  for (const divisor of divisors) products.push(((products.at(-1) ?? 1n) * divisor) % PRIME);
  let inverse = power(products.at(-1) ?? 1n, PRIME - 2n);
  const ids: Buffer[] = [];
  for (let index = keys.length - 1; index >= 0; index--) {
    const [y, divisor] = [ys[index] ?? 0n, divisors[index] ?? 1n];
    const u = ((((1n + y) * inverse) % PRIME) * (products[index] ?? 1n)) % PRIME;
    inverse = (inverse * divisor) % PRIME;
    ids[index] = Buffer.from(Buffer.from(`${u.toString(16).padStart(64, '0')}05`, 'hex').toReversed());
  }
  return ids;
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let [square, rest] = [base, exponent]; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = (result * square) % PRIME;
    square = (square * square) % PRIME;
  }
  return result;
}
