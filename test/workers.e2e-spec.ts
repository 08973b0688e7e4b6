import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { describeEachDatabase } from './support/databases.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { newData, newId, newIosToken } from './support/people.js';
import { createRedisDatabase } from './support/redis-databases.js';
import { inFolder, ServerProcess, spawnServer } from './support/spawned-server.js';

const SUCCESS = { status: 200, body: { code: 1, message: 'Success' } };

let gateways: TestGateways;
beforeAll(async () => void (gateways = await startGateways()));
afterAll(() => gateways.close());
beforeEach(() => gateways.reset());

const untilReceived = async (count: number, timeoutMs = 20_000): Promise<string[]> => {
  const received = () => gateways.apns.received.map(({ token }) => token);
  for (const end = Date.now() + timeoutMs; received().length < count && Date.now() < end; await sleep(50));
  await sleep(300);
  return received();
};

/** The processes that a server started, with their arguments. */
function membersOf({ child: { pid } }: ServerProcess): { pid: number; leads: boolean }[] {
  const list = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(pid)], { encoding: 'utf8' });
  return list
    .trim()
    .split('\n')
    .map((line) => ({ pid: Number(line.trim().split(' ')[0]), leads: line.includes('--leader') }));
}

describeEachDatabase('WORKERS=3', (databases) => {
  it('takes requests in several processes and sends each notification once, at once', async () => {
    await inFolder(async (folder) => {
      const env = { ...gateways.environment, DATABASE_URL: await databases.create(), WORKERS: '3' };
      const { process: server, onion } = await spawnServer(env, folder);
      expect(
        membersOf(server)
          .map(({ leads }) => leads)
          .toSorted(),
      ).toEqual([false, false, true]);
      const people = Array.from({ length: 30 }, () => ({ id: newId(), token: newIosToken() }));
      const answers = await Promise.all(
        people.map(async ({ id, token }) => [
          await onion.send('register', { pubKey: id, token }),
          await onion.send('notify', { send_to: id, data: newData() }),
        ]),
      );
      expect(answers.flat().every((answer) => JSON.stringify(answer) === JSON.stringify(SUCCESS))).toBe(true);
      expect((await untilReceived(30)).toSorted()).toEqual(people.map(({ token }) => token).toSorted());

      // Not found by looking now and then: the process that took it says so.
      const [{ id } = { id: '' }] = people;
      const waits: number[] = [];
      for (let index = 0; index < 9; index++) {
        const before = gateways.apns.received.length;
        await onion.send('notify', { send_to: id, data: newData() });
        const answeredAt = performance.now();
        while (gateways.apns.received.length === before) await sleep(1);
        waits.push(performance.now() - answeredAt);
      }
      expect(waits.toSorted((a, b) => a - b)[4]).toBeLessThan(100);
      expect((await server.stop()).code).toBe(0);
    });
  });

  it('replaces a process that dies, the one that delivers too, and loses nothing', async () => {
    await inFolder(async (folder) => {
      const env = { ...gateways.environment, DATABASE_URL: await databases.create(), WORKERS: '3' };
      const { process: server, onion } = await spawnServer(env, folder);
      const [id, token] = [newId(), newIosToken()];
      await onion.send('register', { pubKey: id, token });
      let acknowledged = 0;
      let done = false;
      const load = async (): Promise<void> => {
        while (!done) {
          // A request in the process that dies has no answer.
          const answer = await onion.send('notify', { send_to: id, data: newData() }).catch(() => null);
          if (answer?.status === 200) acknowledged++;
          await sleep(20);
        }
      };
      const loads = Promise.all([load(), load(), load()]);
      for (const leads of [false, true, true]) {
        const before = membersOf(server);
        const victim = before.find((member) => member.leads === leads);
        process.kill(victim?.pid ?? 0, 'SIGKILL');
        const replaced = () => membersOf(server).filter(({ pid }) => !before.some((member) => member.pid === pid));
        for (const end = Date.now() + 10_000; replaced().length === 0 && Date.now() < end; await sleep(50));
        expect(replaced().map((member) => member.leads)).toEqual([leads]);
        await sleep(1500);
      }
      done = true;
      await loads;
      const pushes = await untilReceived(acknowledged, 30_000);
      expect(pushes.length).toBeGreaterThanOrEqual(acknowledged);
      expect(server.log.filter(({ msg }) => msg === 'a process ended and is replaced')).toHaveLength(3);
      expect((await server.stop()).code).toBe(0);
    });
  }, 90_000);

  it('says what one process says: one line at the start, two at the stop, and ends within 10 s', async () => {
    await inFolder(async (folder) => {
      const env = { ...gateways.environment, DATABASE_URL: await databases.create(), WORKERS: '3' };
      const { process: server } = await spawnServer(env, folder);
      const began = Date.now();
      server.child.kill('SIGINT');
      const { code, stderr } = await server.exit;
      expect([code, stderr]).toEqual([0, '']);
      expect(Date.now() - began).toBeLessThan(10_000);
      const said = server.log.map(({ msg }) => msg);
      expect(said.filter((msg) => msg === 'listening')).toHaveLength(1);
      expect(said.slice(-2)).toEqual(['stopping', 'stopped']);
    });
  });

  it('reads credentials again on SIGHUP', async () => {
    await inFolder(async (folder) => {
      const env = { ...gateways.environment, DATABASE_URL: await databases.create(), WORKERS: '2' };
      const { process: server } = await spawnServer(env, folder);
      server.child.kill('SIGHUP');
      await server.waitForLine('credentials were read again and are in use');
      expect((await server.stop()).code).toBe(0);
    });
  });

  it('keeps a second server away, and ends with one clear line when it cannot start', async () => {
    await inFolder(async (folder) => {
      const env = { ...gateways.environment, DATABASE_URL: await databases.create(), WORKERS: '2' };
      const { process: server } = await spawnServer(env, folder);
      const second = new ServerProcess(env, folder);
      expect((await second.exit).code).toBe(1);
      const reasons = second.log.filter(({ msg }) => String(msg).startsWith('the server cannot start'));
      expect(reasons.map(({ msg }) => msg)).toEqual([expect.stringMatching(/Another server uses this.*REDIS_URL/)]);
      expect((await server.stop()).code).toBe(0);
    });
  });

  it('gives the database to the next start at once when everything is killed', async () => {
    await inFolder(async (folder) => {
      const env = { ...gateways.environment, DATABASE_URL: await databases.create(), WORKERS: '3' };
      const { process: killed } = await spawnServer(env, folder);
      await killed.stop('SIGKILL');
      const { process: next } = await spawnServer(env, folder);
      expect((await next.stop()).code).toBe(0);
    });
  });
});

describe.skipIf(inject('redisUrl') === null)('WORKERS with Redis', () => {
  it('delivers in each process', async () => {
    await inFolder(async (folder) => {
      const env = { ...gateways.environment, REDIS_URL: await createRedisDatabase(), WORKERS: '2' };
      const { process: server, onion } = await spawnServer(env, folder);
      const [id, token] = [newId(), newIosToken()];
      await onion.send('register', { pubKey: id, token });
      await Promise.all(Array.from({ length: 40 }, () => onion.send('notify', { send_to: id, data: newData() })));
      expect(await untilReceived(40)).toHaveLength(40);
      expect((await server.stop()).code).toBe(0);
    });
  });
});
