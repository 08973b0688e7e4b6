import sodium from 'libsodium-wrappers';
import { randomBytes } from 'node:crypto';

await sodium.ready;

/**
 * What begins a sealed text: ` ` of the first key, and ` ` with one more character of each later one, `,` of the second, `+` of
 * the third, down to `!` of the thirteenth. Ids and tokens of clients have no spaces, so none of theirs passes for a sealed one.
 *
 * Base64url goes on with `-` or something greater. So bytewise what the newest key sealed comes first, then what older keys
 * did, the newer of them first, and then what is plain.
 */
const MARK = ' ';

/** Its code less `n` is that of the character by which key number `n` is known, from the second on. */
const CODE_OF_MARKS = '.'.charCodeAt(0);
const LAST_CODE_OF_MARKS = CODE_OF_MARKS - 2;

/** Comes after everything that base64url consists of. */
const AFTER_BASE64URL = '~';

/** As many as there are marks: every later one is smaller than the one before. */
export const MAX_DATA_KEYS = CODE_OF_MARKS - '!'.charCodeAt(0);

const KEY_BYTES = 32;
const ID_BYTES = 32;
const NONCE_BYTES = 24;
const TAG_BYTES = 16;
const BINDING_BYTES = 16;

/** What a key's check is a hash of. */
const CHECK = 'session-push check of bound rows';
/** The same for a database of a version that bound no rows. */
const FORMER_CHECK = 'session-push check';

/** Keys of 32 bytes, one for each use: keyed BLAKE2b-256 of the use's name under the data key. */
export interface SealingKeys {
  /** The data key's number: 1 is the first that there was. */
  readonly generation: number;
  readonly id: Uint8Array;
  readonly nonce: Uint8Array;
  readonly token: Uint8Array;
  readonly accountNonce: Uint8Array;
  readonly account: Uint8Array;
  readonly box: Uint8Array;
  readonly binding: Uint8Array;
}

/**
 * @param dataKey 32 bytes
 * @param generation its number
 */
export function deriveKeys(dataKey: Uint8Array, generation = 1): SealingKeys {
  return {
    generation,
    id: derive(dataKey, 'session-push id'),
    nonce: derive(dataKey, 'session-push token nonce'),
    token: derive(dataKey, 'session-push token'),
    accountNonce: derive(dataKey, 'session-push account nonce'),
    account: derive(dataKey, 'session-push account'),
    box: derive(dataKey, 'session-push box'),
    binding: derive(dataKey, 'session-push binding'),
  };
}

/**
 * Tells whether data keys are those that were used before, and nothing about the keys in use.
 *
 * Of one key base64url of keyed BLAKE2b-256 of `session-push check of bound rows`. Of more `<number>:` and base64url of keyed
 * BLAKE2b-256, under the last of them, of the same, a space and the check of those before it: ids depend on all keys and their
 * order.
 *
 * @param dataKeys oldest first
 */
export const keyCheckOf = (dataKeys: readonly [Uint8Array, ...Uint8Array[]]): string => checkOf(CHECK, dataKeys);

/**
 * As {@link keyCheckOf}, of `session-push check`: in a database that was sealed before rows were bound. Nobody can make it
 * without the keys, so that what is not bound cannot pass for something from before.
 */
export const formerKeyCheckOf = (dataKeys: readonly [Uint8Array, ...Uint8Array[]]): string =>
  checkOf(FORMER_CHECK, dataKeys);

function checkOf(use: string, [first, ...others]: readonly [Uint8Array, ...Uint8Array[]]): string {
  return others.reduce(
    (before, dataKey, index) => `${index + 2}:${toBase64url(derive(dataKey, `${use} ${before}`))}`,
    toBase64url(derive(first, use)),
  );
}

/** How many data keys a check is of. */
export function generationOfCheck(keyCheck: string): number {
  const end = keyCheck.indexOf(':');
  return end < 0 ? 1 : Number(keyCheck.slice(0, end));
}

export const isSealed = (text: string): boolean => text.startsWith(MARK);

/** The number of the data key that a text is sealed with; 0 = it is plain. */
export function generationOf(text: string): number {
  if (!isSealed(text)) return 0;
  const code = text.charCodeAt(MARK.length);
  return code <= LAST_CODE_OF_MARKS ? CODE_OF_MARKS - code : 1;
}

/** Bytewise after what is sealed with this data key or a later one, and before everything else that is stored. */
export const endOfGeneration = (generation: number): string => markOf(generation) + AFTER_BASE64URL;

/**
 * Mark and base64url of keyed BLAKE2b-256 of the id: one-way, 44 characters, and one more from the second data key on.
 *
 * @param id with the first data key the id; with a later one its form of the data key before, mark included
 */
export function sealId({ generation, id: key }: SealingKeys, id: string): string {
  return markOf(generation) + toBase64url(sodium.crypto_generichash(ID_BYTES, id, key));
}

/**
 * Mark and base64url of `nonce[24] | ciphertext | tag[16]` by XChaCha20-Poly1305 without additional data.
 *
 * The nonce is keyed BLAKE2b-192 of the token, so one token has one sealed form, which can be looked up and is a key as
 * good as the token: what it reveals is that two of them are the same. Two tokens share a nonce as rarely as two random
 * nonces do.
 */
export function sealToken({ generation, nonce: nonceKey, token: key }: SealingKeys, token: string): string {
  return markOf(generation) + sealInOneForm(nonceKey, key, Buffer.from(token)).toString('base64url');
}

/** The token; null when this was not sealed with these keys, or is damaged. */
export function openToken({ generation, token: key }: SealingKeys, sealed: string): string | null {
  return openText(generation, key, sealed)?.toString() ?? null;
}

/**
 * As {@link sealToken}, of the bytes of an account: an account has one sealed form, which can be looked up, and unlike an id
 * it can be opened, because storage nodes have to be told whom they are asked about. 99 characters for 33 bytes, and one more
 * from the second data key on.
 *
 * @param account hexadecimal, of which the case is not kept
 */
export function sealAccount(
  { generation, accountNonce: nonceKey, account: key }: SealingKeys,
  account: string,
): string {
  return markOf(generation) + sealInOneForm(nonceKey, key, Buffer.from(account, 'hex')).toString('base64url');
}

/** The account in lower-case hexadecimal; null when this was not sealed with these keys, or is damaged. */
export function openAccount({ generation, account: key }: SealingKeys, sealed: string): string | null {
  return openText(generation, key, sealed)?.toString('hex') ?? null;
}

/** Gives a sealed text that cannot be opened the mark of another data key, with which it cannot be opened either. */
export function markDamaged({ generation }: SealingKeys, damaged: string): string {
  return markOf(generation) + damaged.slice(markOf(generationOf(damaged)).length);
}

/**
 * `nonce[24] | ciphertext | tag[16]` by XChaCha20-Poly1305 with a random nonce: for what is never looked up, and must not
 * show that two of them are the same.
 *
 * @param place where it is kept; as additional data it ties the box to that place
 * @param nonce 24 bytes; given only to repeat known answers
 */
export function sealBox({ box: key }: SealingKeys, content: Uint8Array, place: string, nonce?: Uint8Array): Buffer {
  const used = nonce ?? randomBytes(NONCE_BYTES);
  return Buffer.concat([used, sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(content, place, null, used, key)]);
}

/**
 * Where a box of a row is kept: table, column and the row's primary key, with the values in their stored form, so that a box
 * cannot be moved to another row.
 */
export function boxPlace(table: string, column: string, key: readonly string[]): string {
  return [table, column, ...key].join(' ');
}

/** The content; null when it was not sealed with these keys for this place, or is damaged. */
export function openBox({ box: key }: SealingKeys, box: Uint8Array, place: string): Buffer | null {
  return decrypt(key, box, place);
}

/**
 * Base64url of keyed BLAKE2b-128 of a row's place: 22 characters that nobody without the key can make. For rows of texts that
 * have one sealed form wherever they are.
 */
export const bindRow = ({ binding: key }: SealingKeys, place: string): string =>
  toBase64url(sodium.crypto_generichash(BINDING_BYTES, place, key));

/** The nonce is keyed BLAKE2b-192 of the content. */
function sealInOneForm(nonceKey: Uint8Array, key: Uint8Array, content: Uint8Array): Buffer {
  const nonce = sodium.crypto_generichash(NONCE_BYTES, content, nonceKey);
  return Buffer.concat([nonce, sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(content, null, null, nonce, key)]);
}

function openText(generation: number, key: Uint8Array, sealed: string): Buffer | null {
  if (generationOf(sealed) !== generation) return null;
  return decrypt(key, Buffer.from(sealed.slice(markOf(generation).length), 'base64url'), null);
}

function decrypt(key: Uint8Array, bytes: Uint8Array, additionalData: string | null): Buffer | null {
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return null;
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const ciphertext = bytes.subarray(NONCE_BYTES);
  try {
    return Buffer.from(sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(null, ciphertext, additionalData, nonce, key));
  } catch {
    // The tag does not match: the lengths were checked above.
    return null;
  }
}

const markOf = (generation: number): string =>
  generation === 1 ? MARK : MARK + String.fromCharCode(CODE_OF_MARKS - generation);

const derive = (dataKey: Uint8Array, use: string): Uint8Array => sodium.crypto_generichash(KEY_BYTES, use, dataKey);

const toBase64url = ({ buffer, byteOffset, length }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, length).toString('base64url');
