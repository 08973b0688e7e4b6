import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { describeOneDatabase } from './support/databases.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { OnionHttpClient } from './support/onion-http.js';
import { newData, newId, newIosToken } from './support/people.js';
import { repeat } from './support/instances.js';
import { createRedisDatabase } from './support/redis-databases.js';
import { inFolder, ServerProcess, spawnServer } from './support/spawned-server.js';

const NO_ANSWER_MS = 3000;

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

/** What the first process has said about the others: those of the start, then those that took a place. */
function membersOf({ log }: ServerProcess): { pid: number; leads: boolean }[] {
  const start = log.find(({ msg }) => msg === 'listening') as { leader: number; followers: number[] } | undefined;
  const later = log.filter(({ msg }) => msg === 'a process took its place') as unknown as {
    pid: number;
    leads: boolean;
  }[];
  return [
    { pid: start?.leader ?? 0, leads: true },
    ...(start?.followers ?? []).map((pid) => ({ pid, leads: false })),
    ...later.map(({ pid, leads }) => ({ pid, leads })),
  ];
}

describeOneDatabase('WORKERS=3', (databases) => {
  it('takes requests in several processes and sends each notification once, at once', async () => {
    await inFolder(async (folder) => {
      const env = { ...gateways.environment, DATABASE_URL: await databases.create(), WORKERS: '3' };
      const { process: server, onion } = await spawnServer(env, folder);
      expect(membersOf(server).map(({ leads }) => leads)).toEqual([true, false, false]);
      const people = Array.from({ length: 30 }, () => ({ id: newId(), token: newIosToken() }));
      const answers = await Promise.all(
        people.map(async ({ id, token }) => [
          await onion.send('register', { pubKey: id, token }),
          await onion.send('notify', { send_to: id, data: newData() }),
        ]),
      );
      expect(answers.flat().every((answer) => JSON.stringify(answer) === JSON.stringify(SUCCESS))).toBe(true);
      expect((await untilReceived(30)).toSorted()).toEqual(people.map(({ token }) => token).toSorted());

      // The process that took it says so. Looking now and then, every half second, would find it after a quarter of one.
      const [{ id } = { id: '' }] = people;
      const waits: number[] = [];
      for (let index = 0; index < 9; index++) {
        const before = gateways.apns.received.length;
        await onion.send('notify', { send_to: id, data: newData() });
        const answeredAt = performance.now();
        while (gateways.apns.received.length === before) await sleep(1);
        waits.push(performance.now() - answeredAt);
      }
      expect(waits.toSorted((a, b) => a - b)[4]).toBeLessThan(240);
      expect((await server.stop()).code).toBe(0);
    });
  });

  it('starts although a signal ends one of its processes while the others start, and says so', async () => {
    await inFolder(async (folder) => {
      const env = { ...gateways.environment, DATABASE_URL: await databases.create(), WORKERS: '3' };
      const server = new ServerProcess(env, folder);
      const { pid } = server.child;
      const members = () =>
        readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
      while (members().length < 2 && server.child.exitCode === null) await sleep(10);
      process.kill(members().at(-1) ?? 0, 'SIGKILL');
      const { publicKey, address } = await server.listening();
      const ended = server.log.filter(({ msg }) => msg === 'a process ended and is replaced');
      expect(ended).toMatchObject([{ signal: 'SIGKILL' }]);
      const onion = new OnionHttpClient(address, publicKey);
      expect(await onion.send('register', { pubKey: newId(), token: newIosToken() })).toEqual(SUCCESS);
      expect((await server.stop()).code).toBe(0);
    });
  });

  it('replaces a process that dies, the one that delivers too, and loses nothing', async () => {
    await inFolder(async (folder) => {
      const env = { ...gateways.environment, DATABASE_URL: await databases.create(), WORKERS: '3' };
      const { process: server, onion } = await spawnServer(env, folder);
      // A phone gets so many pushes whole in a row: the load is for many.
      const ids = Array.from({ length: 60 }, newId);
      for (const id of ids) await onion.send('register', { pubKey: id, token: newIosToken() });
      const acknowledged: string[] = [];
      const load = repeat(3, async () => {
        const [data, id] = [newData(), ids[Math.floor(Math.random() * ids.length)] ?? ''];
        // A request in the process that dies has no answer, and one that is just being handed to it not even an end.
        const answer = await Promise.race([
          onion.send('notify', { send_to: id, data }).catch(() => null),
          sleep(NO_ANSWER_MS, null, { ref: false }),
        ]);
        if (answer?.status === 200) acknowledged.push(data);
        await sleep(20);
      });
      for (const leads of [false, true, true]) {
        const before = membersOf(server);
        process.kill(before.findLast((member) => member.leads === leads)?.pid ?? 0, 'SIGKILL');
        for (
          const end = Date.now() + 15_000;
          membersOf(server).length === before.length && Date.now() < end;
          await sleep(50)
        );
        expect(
          membersOf(server)
            .slice(before.length)
            .map((member) => member.leads),
        ).toEqual([leads]);
        await sleep(500);
      }
      await load.end();
      const missing = () => {
        const sent = gateways.apns.received.map(({ body }) => JSON.stringify(body)).join();
        return acknowledged.filter((data) => !sent.includes(data));
      };
      for (const end = Date.now() + 30_000; missing().length > 0 && Date.now() < end; await sleep(250));
      expect(missing()).toEqual([]);
      expect(acknowledged.length).toBeGreaterThan(50);
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
  }, 60_000);
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
