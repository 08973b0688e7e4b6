import sodium from 'libsodium-wrappers';

await sodium.ready;

const NONCE_BYTES = 24;

export interface OpenedPush {
  readonly metadata: Readonly<Record<string, unknown>>;
  /** The message; null = it was left out. */
  readonly data: Buffer | null;
}

/** Opens a push as the apps do, and is as strict as the strictest of them. */
export function openPush(encKey: Buffer, payload: string): OpenedPush {
  const sealed = Buffer.from(payload, 'base64');
  if (sealed.toString('base64') !== payload) throw new Error('The payload is not padded standard base64');
  const [nonce, ciphertext] = [sealed.subarray(0, NONCE_BYTES), sealed.subarray(NONCE_BYTES)];
  const plaintext = Buffer.from(
    sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(null, ciphertext, null, nonce, encKey),
  );
  if (plaintext.length % 256 !== 0) throw new Error('The plaintext is not padded to a multiple of 256 bytes');
  const strings = readList(plaintext);
  const metadata = JSON.parse(String(strings[0])) as Record<string, unknown>;
  const data = strings[1] ?? null;
  for (const key of ['@', '#', 't', 'z', 'n']) if (!(key in metadata)) throw new Error(`There is no ${key}`);
  if (data !== null && metadata['l'] !== data.length) throw new Error('The message has another length than it says');
  return { metadata, data };
}

/** `l<length>:<bytes>[<length>:<bytes>]e`, and zeros after it. */
function readList(plaintext: Buffer): Buffer[] {
  const strings: Buffer[] = [];
  if (plaintext[0] !== 'l'.charCodeAt(0)) throw new Error('The plaintext is not a list');
  let at = 1;
  while (plaintext[at] !== 'e'.charCodeAt(0)) {
    const colon = plaintext.indexOf(':', at);
    const length = Number(plaintext.toString('latin1', at, colon));
    strings.push(plaintext.subarray(colon + 1, colon + 1 + length));
    at = colon + 1 + length;
  }
  if (plaintext.subarray(at + 1).some((byte) => byte !== 0)) throw new Error('The padding is not of zeros');
  return strings;
}
