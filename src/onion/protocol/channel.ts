import { randomBytes } from 'node:crypto';
import { type Cipher, CIPHERS, type EncType, type KeyMaterial } from './ciphers.js';
import { agree, type X25519KeyPair } from './key-agreement.js';

const TAG_BYTES = 16;
/** Of the nonce's 12 or 24. */
const NONCE_PART_BYTES = 12;

/**
 * What tells one sealed text from every other, as 28 Latin-1 characters: the beginning of its nonce, and its tag. Nobody can
 * change a sealed text without its key and keep these.
 */
export function fingerprintOf(sealed: Buffer): string {
  return sealed.toString('latin1', 0, NONCE_PART_BYTES) + sealed.toString('latin1', sealed.length - TAG_BYTES);
}

/** One request's cipher and key: opens what came, seals what goes back. */
export class Channel {
  private constructor(
    private readonly cipher: Cipher,
    private readonly key: Uint8Array,
  ) {}

  /** The server's end. Null when the client's key is of low order. */
  static ofServer(server: X25519KeyPair, clientPublicKey: Buffer, encType: EncType): Channel | null {
    const shared = agree(server, clientPublicKey);
    return shared && Channel.from(encType, { shared, clientPublicKey, serverPublicKey: server.publicKey });
  }

  /** The client's end. Null when the server's key is of low order. */
  static ofClient(client: X25519KeyPair, serverPublicKey: Buffer, encType: EncType): Channel | null {
    const shared = agree(client, serverPublicKey);
    return shared && Channel.from(encType, { shared, clientPublicKey: client.publicKey, serverPublicKey });
  }

  private static from(encType: EncType, material: KeyMaterial): Channel {
    const cipher = CIPHERS[encType];
    return new Channel(cipher, cipher.deriveKey(material));
  }

  /** Null when the bytes were not sealed for this channel. */
  open(sealed: Buffer): Buffer | null {
    return this.cipher.open(this.key, sealed);
  }

  /** A nonce is given only to repeat known answers; everybody else gets a fresh random one. */
  seal(plaintext: Buffer, nonce: Uint8Array = randomBytes(this.cipher.nonceBytes)): Buffer {
    return this.cipher.seal(this.key, nonce, plaintext);
  }
}
