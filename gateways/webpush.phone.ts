import { createDecipheriv, createECDH, type ECDH, hkdfSync, randomBytes } from 'node:crypto';
import { parseObject } from './messages.js';

/** What a phone gives to whoever may push to it: `PushSubscription` as UnifiedPush and browsers have it, base64url. */
export interface WebPushSubscription {
  readonly endpoint: string;
  readonly p256dh: string;
  readonly auth: string;
}

const SALT_BYTES = 16;
const KEY_ID_BYTES = 65;
const HEADER_BYTES = SALT_BYTES + 4 + 1 + KEY_ID_BYTES;
const TAG_BYTES = 16;
const LAST_RECORD = 2;

/** The half of a phone that has no Google on it: the keys with which its app opens what a Web Push server brings. */
export class WebPushPhone {
  readonly auth: Buffer;
  private readonly ecdh: ECDH;

  /** @param keys given only to repeat known answers */
  constructor(keys?: { privateKey: Buffer; auth: Buffer }) {
    this.ecdh = createECDH('prime256v1');
    if (keys) this.ecdh.setPrivateKey(keys.privateKey);
    else this.ecdh.generateKeys();
    this.auth = keys?.auth ?? randomBytes(16);
  }

  subscription(endpoint: string): WebPushSubscription {
    return {
      endpoint,
      p256dh: this.ecdh.getPublicKey('base64url'),
      auth: this.auth.toString('base64url'),
    };
  }

  /** What the app reads: the map of texts. Null = it was not encrypted for this phone, or is no such map. */
  open(body: Buffer): Record<string, unknown> | null {
    const plaintext = this.decrypt(body);
    return plaintext && parseObject(plaintext);
  }

  /** RFC 8188 §2 (one record) with the keys of RFC 8291 §3.4. Null = it cannot be opened. */
  decrypt(body: Buffer): Buffer | null {
    if (body.length < HEADER_BYTES + TAG_BYTES + 1 || body[SALT_BYTES + 4] !== KEY_ID_BYTES) return null;
    const salt = body.subarray(0, SALT_BYTES);
    const recordSize = body.readUInt32BE(SALT_BYTES);
    const sender = body.subarray(HEADER_BYTES - KEY_ID_BYTES, HEADER_BYTES);
    const record = body.subarray(HEADER_BYTES);
    if (record.length > recordSize) return null;
    try {
      const receiver = this.ecdh.getPublicKey();
      const info = Buffer.concat([Buffer.from('WebPush: info\0'), receiver, sender]);
      const input = hkdf(this.ecdh.computeSecret(sender), this.auth, info, 32);
      const key = hkdf(input, salt, Buffer.from('Content-Encoding: aes128gcm\0'), 16);
      const nonce = hkdf(input, salt, Buffer.from('Content-Encoding: nonce\0'), 12);
      const decipher = createDecipheriv('aes-128-gcm', key, nonce).setAuthTag(record.subarray(-TAG_BYTES));
      return unpadded(Buffer.concat([decipher.update(record.subarray(0, -TAG_BYTES)), decipher.final()]));
    } catch {
      // Not a point on the curve, or the tag does not match.
      return null;
    }
  }
}

const hkdf = (key: Buffer, salt: Buffer, info: Buffer, length: number): Buffer =>
  Buffer.from(hkdfSync('sha256', key, salt, info, length));

function unpadded(record: Buffer): Buffer | null {
  const end = record.findLastIndex((byte) => byte !== 0);
  return record[end] === LAST_RECORD ? record.subarray(0, end) : null;
}
