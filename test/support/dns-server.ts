import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** Addresses of a name, asked for again with each question; null = it says nothing. */
type Zone = (name: string) => readonly string[] | null;

const TYPE_A = 1;
const TYPE_AAAA = 28;
const NAME_ERROR = 3;
const HEADER_BYTES = 12;

/** A name server on the loopback: RFC 1035 as far as addresses go. */
export class DnsServer {
  readonly asked: string[] = [];
  private readonly socket: Socket = createSocket('udp4');

  private constructor(private readonly zone: Zone) {
    this.socket.on('message', (question, { address, port }) => {
      const answer = this.answer(question);
      if (answer) this.socket.send(answer, port, address);
    });
  }

  static async start(zone: Zone): Promise<DnsServer> {
    const server = new DnsServer(zone);
    server.socket.bind(0, '127.0.0.1');
    await once(server.socket, 'listening');
    return server;
  }

  /** As `Resolver.setServers` takes it. */
  get address(): string {
    return `127.0.0.1:${this.socket.address().port}`;
  }

  async close(): Promise<void> {
    const closed = once(this.socket, 'close');
    this.socket.close();
    await closed;
  }

  private answer(question: Buffer): Buffer | null {
    const labels: string[] = [];
    let at = HEADER_BYTES;
    for (let length = question[at] ?? 0; length > 0; length = question[at] ?? 0) {
      labels.push(question.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const name = labels.join('.').toLowerCase();
    const type = question.readUInt16BE(at + 1);
    const found = this.zone(name);
    this.asked.push(name);
    if (!found) return null;
    const records = found.flatMap((address) => recordOf(address, type) ?? []);
    const header = Buffer.from(question.subarray(0, HEADER_BYTES));
    header.writeUInt16BE(0x8180 | (found.length === 0 ? NAME_ERROR : 0), 2);
    header.writeUInt16BE(records.length, 6);
    header.writeUInt32BE(0, 8);
    return Buffer.concat([header, question.subarray(HEADER_BYTES, at + 5), ...records]);
  }
}

/** Name by reference to the question, type, class, no time to live, address. */
function recordOf(address: string, asked: number): Buffer | null {
  const bytes = bytesOf(address);
  const type = bytes.length === 4 ? TYPE_A : TYPE_AAAA;
  if (type !== asked) return null;
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc000 | HEADER_BYTES, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(bytes.length, 10);
  return Buffer.concat([head, bytes]);
}

function bytesOf(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail] = address.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const filled = tail === undefined ? groups(head) : [...groups(head), ...zeros(head, tail), ...groups(tail)];
  return Buffer.from(filled.map((group) => group.padStart(4, '0')).join(''), 'hex');

  function zeros(before: string, after: string): string[] {
    return new Array<string>(8 - groups(before).length - groups(after).length).fill('0');
  }
}
