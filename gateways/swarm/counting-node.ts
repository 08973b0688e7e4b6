import { BtDictReader, BtListReader } from './bt-reader.js';
import { makeNodeKeys, type NodeKeys } from './keys.js';
import { encodeReport, type StoredMessage } from './messages.js';
import { type Call, type OmqCommand, OmqListener } from './omq-listener.js';

const SUCCESS = Buffer.from('d7:successi1ee');
/** Bytes of a key that an account is known by here: few enough for a plain number, which thousands of nodes can keep. */
const FINGERPRINT_BYTES = 6;

/**
 * A storage node for benchmarks, of which one machine can carry thousands: it believes every request without looking at
 * signatures, times or namespaces, counts the accounts that it was told, and reports to whoever is connected.
 */
export class CountingNode {
  /** Items of requests, those asked for again included. */
  items = 0;
  readonly keys: NodeKeys = makeNodeKeys();
  readonly listener: OmqListener;
  private readonly accounts = new Set<number>();

  constructor() {
    const commands = new Map<string, OmqCommand>([
      ['monitor.messages', { kind: 'request', run: (call) => this.monitor(call) }],
    ]);
    this.listener = new OmqListener({ commands, secretKey: this.keys.secret, observed: false });
  }

  /** Accounts that were told at least once. */
  get confirmed(): number {
    return this.accounts.size;
  }

  async store(message: StoredMessage): Promise<void> {
    const frames = ['notify.message', encodeReport(message, true)];
    await Promise.all(this.listener.lines.map((route) => this.listener.send(route, frames)));
  }

  private monitor({ parts, reply }: Call): void {
    const part = parts[0] ?? Buffer.alloc(0);
    if (part[0] === 0x64) {
      this.confirm(new BtDictReader(part));
      return reply(SUCCESS);
    }
    const list = new BtListReader(part);
    const answers: Buffer[] = [];
    while (!list.finished) {
      this.confirm(list.dict());
      answers.push(SUCCESS);
    }
    reply(Buffer.concat([Buffer.from('l'), ...answers, Buffer.from('e')]));
  }

  private confirm(dict: BtDictReader): void {
    const key = dict.skipUntil('P') ? dict.string() : dict.require('p').string().subarray(1);
    this.items++;
    this.accounts.add(key.readUIntBE(0, FINGERPRINT_BYTES));
  }
}
