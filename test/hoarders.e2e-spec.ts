import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { openIdle } from './support/load/held-connections.js';
import { residentMb } from './support/load/resident-memory.js';
import { OPERATOR_AUTH, Metrics } from './support/metrics.js';
import { inFolder, type SpawnedServer, spawnServer } from './support/spawned-server.js';
import { OPERATOR } from './support/test-server.js';

const MIB = 1024 * 1024;
const OPERATORS = {
  STATISTICS_USERNAME: OPERATOR.username,
  STATISTICS_PASSWORD: OPERATOR.password,
  OPERATOR_PORT: '0',
};

const ask = ({ onion }: SpawnedServer) => onion.send('unregister', { token: 'nobody has it' });

async function givenUp({ start }: SpawnedServer, what: string): Promise<number> {
  const { operatorAddress } = start as unknown as { operatorAddress: string };
  const response = await fetch(`${operatorAddress}/metrics`, { headers: { authorization: OPERATOR_AUTH } });
  return new Metrics(await response.text()).value('session_push_overload_total', { what }) ?? 0;
}

describe('one address', () => {
  it('that holds every connection keeps no newcomer out', async () => {
    await inFolder(async (folder) => {
      const server = await spawnServer(OPERATORS, folder);
      const url = new URL(server.start.address);
      const idle = await openIdle(url, 5000);
      // Each of them is a newcomer.
      for (let count = 0; count < 20; count++) {
        const response = await fetch(server.start.address, { headers: { connection: 'close' } });
        expect(response.status).toBe(200);
      }
      expect((await ask(server)).status).toBe(400);
      expect(await givenUp(server, 'connection')).toBeGreaterThan(0);
      expect(idle.count()).toBeGreaterThan(4900);
      idle.close();
      expect((await server.process.stop()).code).toBe(0);
    });
  }, 180_000);

  it('that never finishes four hundred bodies of 1 MiB gets a fraction of that memory, and nobody else waits', async () => {
    await inFolder(async (folder) => {
      const server = await spawnServer(OPERATORS, folder);
      const pid = server.process.child.pid ?? 0;
      await ask(server);
      const before = residentMb(pid);
      const { hostname, port } = new URL(server.start.address);
      const head = `POST /oxen/v4/lsrpc HTTP/1.1\r\nHost: x\r\nContent-Length: ${MIB}\r\n\r\n`;
      const body = Buffer.alloc(MIB - 1, 120);
      const sockets: Socket[] = [];
      for (let count = 0; count < 400; count++) {
        const socket = connect(Number(port), hostname);
        socket.on('error', () => undefined).resume();
        socket.write(head);
        socket.write(body);
        sockets.push(socket);
        if (count % 20 === 0) await sleep(10);
      }
      let highest = before;
      for (let count = 0; count < 10; count++) {
        expect((await ask(server)).status).toBe(400);
        highest = Math.max(highest, residentMb(pid));
        await sleep(100);
      }
      expect(highest - before).toBeLessThan(200);
      expect(await givenUp(server, 'body')).toBeGreaterThan(0);
      for (const socket of sockets) socket.destroy();
      // What they held is given back, not kept for the next ones.
      await expect.poll(() => residentMb(pid) - before, { timeout: 60_000, interval: 500 }).toBeLessThan(150);
      expect((await server.process.stop()).code).toBe(0);
    });
  }, 180_000);
});
