import sodium from 'libsodium-wrappers';
import { decodeCommand, encodeCommand, encodeDealer, isMetadata, type StreamFault } from './zmtp.protocol.js';

await sodium.ready;

/**
 * CurveZMQ (RFC 26 of the ZeroMQ project), the client's side. Boxes are crypto_box of NaCl: X25519 and XSalsa20-Poly1305,
 * the tag first. A nonce has 24 bytes: a text and a counter of 8 bytes, big-endian, or a text and 16 random bytes.
 */
export interface CurveKeys {
  /** The node's X25519 key, 32 bytes. */
  readonly serverKey: Uint8Array;
  /** Our own pair, which the node sees as our name. */
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}

/** What is fresh for each connection. */
export interface CurveSecrets {
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
  /** 16 random bytes. */
  readonly vouchNonce: Uint8Array;
}

export function freshCurveSecrets(): CurveSecrets {
  const { publicKey, privateKey } = sodium.crypto_box_keypair();
  return { publicKey, privateKey, vouchNonce: sodium.randombytes_buf(LONG_NONCE_BYTES) };
}

const KEY_BYTES = 32;
const TAG_BYTES = 16;
const COUNTER_BYTES = 8;
const LONG_NONCE_BYTES = 16;
const COOKIE_BYTES = 96;
const HELLO_PADDING_BYTES = 72;
const HELLO_ZEROS = new Uint8Array(64);
const WELCOME_BYTES = LONG_NONCE_BYTES + TAG_BYTES + KEY_BYTES + COOKIE_BYTES;
const COUNTER_RANGE = 2 ** 32;

/** What a frame adds to what is in it: "MESSAGE" and its length, counter, tag and flags. */
export const MESSAGE_OVERHEAD_BYTES = 8 + COUNTER_BYTES + TAG_BYTES + 1;

/** What is inside a MESSAGE: a part of a message, or a command. */
export interface CurveContent {
  readonly more: boolean;
  readonly command: boolean;
  readonly body: Buffer;
}

const MORE = 1;
const COMMAND = 2;

/** One connection's keys and counters: HELLO, WELCOME, INITIATE, READY, then any number of MESSAGEs both ways. */
export class CurveClient {
  private sent = 0;
  private received = 0n;
  private stage: 'hello' | 'initiate' | 'ready' = 'hello';
  /** The shared key of the two short-term pairs, from WELCOME on. */
  private sessionKey: Uint8Array = new Uint8Array();
  private readonly helloKey: Uint8Array;

  /** @throws for keys that are none, such as points of low order */
  constructor(
    private readonly keys: CurveKeys,
    private readonly fresh: CurveSecrets,
    private readonly routingId: Uint8Array,
  ) {
    this.helloKey = sodium.crypto_box_beforenm(keys.serverKey, fresh.privateKey);
  }

  get isReady(): boolean {
    return this.stage === 'ready';
  }

  /**
   * HELLO: version 1.0, 72 zeros, our short-term key, counter, and 64 zeros in a box from it to the node's key, which shows
   * that we know that key.
   */
  hello(): Buffer {
    const counter = this.nextCounter();
    const box = seal(HELLO_ZEROS, 'CurveZMQHELLO---', counter, this.helloKey);
    const version = Buffer.from([1, 0]);
    return encodeCommand('HELLO', version, Buffer.alloc(HELLO_PADDING_BYTES), this.fresh.publicKey, counter, box);
  }

  /** The answer to the node's next command of the handshake; null = it was READY, and nothing is to be answered. */
  handshake(body: Buffer): Buffer | null | StreamFault {
    const command = decodeCommand(body);
    if (command?.name === 'ERROR') return 'refused';
    if (command?.name === 'WELCOME' && this.stage === 'hello') return this.welcome(command.data);
    if (command?.name === 'READY' && this.stage === 'initiate') return this.ready(command.data);
    return 'bad-frame';
  }

  /** MESSAGE: counter, and a box of flags (1 more, 2 command) and body. */
  seal({ more, command, body }: CurveContent): Buffer {
    const counter = this.nextCounter();
    const content = Buffer.allocUnsafe(1 + body.length);
    content[0] = (more ? MORE : 0) | (command ? COMMAND : 0);
    body.copy(content, 1);
    return encodeCommand('MESSAGE', counter, seal(content, 'CurveZMQMESSAGEC', counter, this.sessionKey));
  }

  /** Opens a MESSAGE of the node's. Its counter must be above that of the one before. */
  open(body: Buffer): CurveContent | StreamFault {
    const command = decodeCommand(body);
    if (command?.name !== 'MESSAGE' || command.data.length < COUNTER_BYTES) return 'bad-frame';
    const content = this.openCounted(command.data, 'CurveZMQMESSAGES');
    if (content === null) return 'bad-box';
    const [flags] = content;
    if (flags === undefined || flags > (MORE | COMMAND) || flags === (MORE | COMMAND)) return 'bad-frame';
    return { more: flags === MORE, command: flags === COMMAND, body: content.subarray(1) };
  }

  /** WELCOME: 16 bytes of nonce, and a box to our short-term key with the node's short-term key and a cookie of 96 bytes. */
  private welcome(data: Buffer): Buffer | StreamFault {
    if (data.length !== WELCOME_BYTES) return 'bad-frame';
    const welcome = open(
      data.subarray(LONG_NONCE_BYTES),
      'WELCOME-',
      data.subarray(0, LONG_NONCE_BYTES),
      this.helloKey,
    );
    if (welcome === null) return 'bad-box';
    const serverShortKey = welcome.subarray(0, KEY_BYTES);
    try {
      this.sessionKey = sodium.crypto_box_beforenm(serverShortKey, this.fresh.privateKey);
    } catch {
      // A key that yields a secret known to everybody.
      return 'bad-box';
    }
    this.stage = 'initiate';
    return this.initiate(serverShortKey, welcome.subarray(KEY_BYTES));
  }

  /**
   * INITIATE: the cookie, counter, and a box of our key, 16 random bytes, the vouch (our short-term key and the node's key
   * in a box from our key, which shows that it is ours), and the metadata.
   */
  private initiate(serverShortKey: Uint8Array, cookie: Uint8Array): Buffer {
    const vouchKey = sodium.crypto_box_beforenm(serverShortKey, this.keys.privateKey);
    const vouched = Buffer.concat([this.fresh.publicKey, this.keys.serverKey]);
    const vouch = seal(vouched, 'VOUCH---', this.fresh.vouchNonce, vouchKey);
    const counter = this.nextCounter();
    const content = Buffer.concat([this.keys.publicKey, this.fresh.vouchNonce, vouch, encodeDealer(this.routingId)]);
    const box = seal(content, 'CurveZMQINITIATE', counter, this.sessionKey);
    return encodeCommand('INITIATE', cookie, counter, box);
  }

  /** READY: counter, and a box of the node's metadata. */
  private ready(data: Buffer): null | StreamFault {
    if (data.length < COUNTER_BYTES) return 'bad-frame';
    const metadata = this.openCounted(data, 'CurveZMQREADY---');
    if (metadata === null) return 'bad-box';
    if (!isMetadata(metadata)) return 'bad-frame';
    this.stage = 'ready';
    return null;
  }

  private openCounted(data: Buffer, prefix: string): Buffer | null {
    const counter = data.readBigUInt64BE(0);
    if (counter <= this.received) return null;
    const content = open(data.subarray(COUNTER_BYTES), prefix, data.subarray(0, COUNTER_BYTES), this.sessionKey);
    if (content !== null) this.received = counter;
    return content;
  }

  private nextCounter(): Buffer {
    this.sent++;
    const counter = Buffer.alloc(COUNTER_BYTES);
    counter.writeUInt32BE(Math.floor(this.sent / COUNTER_RANGE), 0);
    counter.writeUInt32BE(this.sent % COUNTER_RANGE, 4);
    return counter;
  }
}

function nonceOf(prefix: string, rest: Uint8Array): Uint8Array {
  const nonce = Buffer.alloc(sodium.crypto_box_NONCEBYTES);
  nonce.write(prefix, 'latin1');
  nonce.set(rest, prefix.length);
  return nonce;
}

function seal(content: Uint8Array, prefix: string, rest: Uint8Array, key: Uint8Array): Uint8Array {
  return sodium.crypto_box_easy_afternm(content, nonceOf(prefix, rest), key);
}

/** Null when it was not sealed with this key and nonce. */
function open(box: Uint8Array, prefix: string, rest: Uint8Array, key: Uint8Array): Buffer | null {
  if (box.length < TAG_BYTES) return null;
  try {
    const content = sodium.crypto_box_open_easy_afternm(box, nonceOf(prefix, rest), key);
    return Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  } catch {
    return null;
  }
}
