import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What connections that never finish send, bit by bit. */
export const SLOW: Readonly<Record<string, { first: string; drip: string }>> = {
  nothing: { first: '', drip: '' },
  'half a header': { first: 'POST /oxen/v4/lsrpc HTTP/1.1\r\nHost: x\r\nX-Slow: ', drip: 'x' },
  'half a body': { first: 'POST /oxen/v4/lsrpc HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n', drip: 'x' },
  'chunks without end': {
    first: 'POST /loki/v2/lsrpc HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n',
    drip: '1\r\nx\r\n',
  },
};

const DRIP_MS = 500;

export interface SiegeResult {
  /** How long the last of the connections lasted, in milliseconds; Infinity = the server never ended it. */
  longestMs: number;
  /** What the connections were told before the end. */
  statuses: number[];
}

/** Holds so many unfinished requests open for as long as the server lets it. */
export async function besiege(
  url: URL,
  count: number,
  kinds: readonly string[],
  patienceMs: number,
): Promise<SiegeResult> {
  const result: SiegeResult = { longestMs: 0, statuses: [] };
  const connections = Array.from({ length: count }, (_, index) => hold(url, kinds[index % kinds.length] ?? 'nothing'));
  await Promise.race([Promise.all(connections.map(({ closed }) => closed)), sleep(patienceMs)]);
  for (const held of connections) {
    result.longestMs = Math.max(result.longestMs, held.lifetime());
    const told = held.status();
    if (told !== null) result.statuses.push(told);
    held.socket.destroy();
  }
  return result;
}

export interface IdleConnections {
  /** How many the server has not closed. */
  count(): number;
  close(): void;
}

/** The kernel lets a connection wait until the server takes it, but not many of them. */
const AT_ONCE = 200;

/** Connections that are open at the same time and send nothing. */
export async function openIdle(url: URL, count: number): Promise<IdleConnections> {
  const open = new Set<Socket>();
  for (let left = count; left > 0; left -= AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(left, AT_ONCE) }, () => openOne(url, open)));
    await sleep(10);
  }
  return { count: () => open.size, close: () => open.forEach((socket) => socket.destroy()) };
}

function openOne({ hostname, port }: URL, open: Set<Socket>): Promise<void> {
  const socket = connect(Number(port), hostname);
  socket.on('close', () => open.delete(socket));
  return new Promise<void>((resolve) => {
    socket.once('connect', () => {
      open.add(socket);
      resolve();
    });
    socket.on('error', () => resolve());
  });
}

function hold({ hostname, port }: URL, kind: string): Held {
  const { first, drip } = SLOW[kind] ?? { first: '', drip: '' };
  const socket: Socket = connect(Number(port), hostname);
  const began = performance.now();
  let [ended, told]: [number | null, string] = [null, ''];
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => (told += chunk.toString('latin1')));
  socket.write(first);
  const dripping = setInterval(() => socket.write(drip), DRIP_MS);
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      clearInterval(dripping);
      ended = performance.now() - began;
      resolve();
    });
  });
  return {
    socket,
    closed,
    lifetime: () => ended ?? Infinity,
    status: () => {
      const match = /^HTTP\/1\.1 (\d{3}) /.exec(told);
      return match ? Number(match[1]) : null;
    },
  };
}

interface Held {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  lifetime(): number;
  status(): number | null;
}
