import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { gathered, GATHER_MS } from './gathered.js';

describe('gathering what comes', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  /** How many wait at its end, when one did at the beginning and each of the next `turns` of the event loop brings one more. */
  async function gatheredWithin(turns: number, msPerTurn: number): Promise<number> {
    let waiting = 1;
    let left = turns;
    const turn = (): void => {
      if (left-- <= 0) return;
      vi.advanceTimersByTime(msPerTurn);
      waiting++;
      setImmediate(turn);
    };
    setImmediate(turn);
    await gathered(() => waiting);
    left = 0;
    return waiting;
  }

  it('ends with the first turn that brings nothing', async () => {
    expect(await gatheredWithin(0, 1)).toBe(1);
  });

  it('goes on as long as each turn brings more', async () => {
    expect(await gatheredWithin(5, 1)).toBe(6);
  });

  it('does not keep what came first waiting for long, whatever goes on coming', async () => {
    expect(await gatheredWithin(1000, 1)).toBe(1 + GATHER_MS);
    expect(await gatheredWithin(1000, 4 * GATHER_MS)).toBe(2);
  });

  it('looks at the sockets, also when it begins after they were looked at in this turn', async () => {
    vi.useRealTimers();
    let waiting = 0;
    let gathering: Promise<void> | null = null;
    const first = Promise.withResolvers<void>();
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      socket.on('data', () => {
        waiting++;
        if (gathering) return;
        // The other bytes are there before the look at the sockets that follows.
        for (const other of sockets.slice(1)) other.write('x');
        gathering = gathered(() => waiting).then(() => first.resolve());
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    for (let count = 0; count < 3; count++) {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      sockets.push(socket);
    }
    sockets[0]?.write('x');
    await first.promise;
    expect(waiting).toBe(3);
    for (const socket of sockets) socket.destroy();
    server.close();
  });
});
