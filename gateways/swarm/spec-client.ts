import sodium from 'libsodium-wrappers';
import { randomBytes } from 'node:crypto';
import { Dealer } from 'zeromq';
import { btDict, type BtValue, encodeBt } from './bt.js';
import { makeNodeKeys } from './keys.js';

await sodium.ready;

/** A push server's end of a line to a listener, made with the library that plays the nodes. */
export class SpecClient {
  /** Everything that came, in order, replies to {@link request} apart. */
  readonly received: Buffer[][] = [];
  private readonly dealer: Dealer;
  private readonly replies = new Map<string, (parts: Buffer[]) => void>();
  private readonly waiters = new Set<() => void>();
  private sending: Promise<void> = Promise.resolve();

  constructor(address: string, serverKey: Buffer | null, routingId?: string, secret = makeNodeKeys().secret) {
    this.dealer = new Dealer({ linger: 0, sendTimeout: 5000, ...(routingId === undefined ? {} : { routingId }) });
    if (serverKey) {
      const curvePublicKey = Buffer.from(sodium.crypto_scalarmult_base(secret));
      Object.assign(this.dealer, { curveServerKey: serverKey, curvePublicKey, curveSecretKey: secret });
    }
    this.dealer.connect(address);
    void this.read();
  }

  send(...frames: (Buffer | string)[]): Promise<void> {
    const sent = this.sending.then(() => this.dealer.send(frames));
    this.sending = sent;
    return sent;
  }

  /** The parts of the reply. */
  async request(name: string, ...parts: (Buffer | string)[]): Promise<Buffer[]> {
    const tag = randomBytes(15);
    const reply = new Promise<Buffer[]>((resolve) => this.replies.set(tag.toString('hex'), resolve));
    await this.send(name, tag, ...parts);
    return reply;
  }

  /** Says HI and waits for HELLO: the line lives, and what was sent before has been read. */
  async greet(): Promise<void> {
    const before = this.count('HELLO');
    await this.send('HI');
    await this.until(() => this.count('HELLO') > before);
  }

  /** As {@link greet}, over a line that may have to be made anew: what is said into one that is being cut is lost. */
  async reach(): Promise<void> {
    const again = setInterval(() => void this.send('HI'), 250);
    await this.greet().finally(() => clearInterval(again));
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.waiters.add(resolve));
  }

  /** The parts of each command of this name that came. */
  commands(name: string): Buffer[][] {
    return this.received.filter(([first]) => first?.toString() === name).map((frames) => frames.slice(1));
  }

  count(name: string): number {
    return this.commands(name).length;
  }

  close(): void {
    this.dealer.close();
  }

  private async read(): Promise<void> {
    for await (const frames of this.dealer) {
      const tag = frames[0]?.toString() === 'REPLY' ? frames[1]?.toString('hex') : undefined;
      const resolve = tag === undefined ? undefined : this.replies.get(tag);
      if (resolve) resolve(frames.slice(2));
      else this.received.push(frames);
      for (const waiter of this.waiters) waiter();
      this.waiters.clear();
    }
  }
}

/** An account that can sign what a phone signs. */
export class SpecAccount {
  readonly id: Buffer;
  private readonly keys = sodium.crypto_sign_keypair();

  /** 5 = a Session id, whose key is converted; any other = the key itself. */
  constructor(private readonly prefix = 5) {
    const { publicKey } = this.keys;
    const key = prefix === 5 ? sodium.crypto_sign_ed25519_pk_to_curve25519(publicKey) : publicKey;
    this.id = Buffer.concat([Buffer.of(prefix), key]);
  }

  /** One item of a `monitor.messages` request. */
  watch(namespaces: readonly number[] = [0], data = true, seconds = Math.floor(Date.now() / 1000)): BtValue {
    const text = `MONITOR${this.id.toString('hex')}${seconds}${data ? 1 : 0}${namespaces.join(',')}`;
    const signature = Buffer.from(sodium.crypto_sign_detached(text, this.keys.privateKey));
    const key = this.prefix === 5 ? { P: Buffer.from(this.keys.publicKey) } : { p: this.id };
    return btDict({ ...key, d: data ? 1 : undefined, n: namespaces, s: signature, t: seconds });
  }
}

/** The part of a request for several. */
export function watchPart(...items: readonly BtValue[]): Buffer {
  return encodeBt(items);
}
