import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { openIdle } from '../test/support/load/held-connections.js';
import { newId } from '../test/support/people.js';
import { newGroup, newSessionId, subscribeRequest } from '../test/support/subscribing-phone.js';
import { type Attack, everywhere, madeUp, many, perSecond } from './ground.js';

const MIB = 1024 * 1024;

const urlOf = async ({ server }: Parameters<Attack['run']>[0]): Promise<URL> =>
  new URL((await server.life()).onion.url);

const passwords: Attack = {
  name: 'passwords',
  what: 'wrong passwords of the operator, in 16 places as fast as they are answered',
  env: { STATISTICS_USERNAME: 'operator', STATISTICS_PASSWORD: 'correct horse battery staple' },
  run: async (ground, until) => {
    const url = new URL('/metrics', await urlOf(ground));
    await everywhere(16, until, async (count) => {
      const authorization = `Basic ${Buffer.from(`operator:${count}`).toString('base64')}`;
      const answer = await fetch(url, { headers: { authorization } });
      await answer.arrayBuffer();
    });
  },
};

const connections: Attack = {
  name: 'connections',
  what: 'more idle connections than the server keeps, opened again as they are closed',
  run: async (ground, until) => {
    const url = await urlOf(ground);
    while (!until.aborted) {
      const idle = await openIdle(url, ground.size.connections);
      await sleep(2000);
      idle.close();
    }
  },
};

const bodies: Attack = {
  name: 'bodies',
  what: 'unfinished bodies of 1 MiB, 200 at a time',
  run: async (ground, until) => {
    const { hostname, port } = await urlOf(ground);
    const head = `POST /oxen/v4/lsrpc HTTP/1.1\r\nHost: x\r\nContent-Length: ${MIB}\r\n\r\n`;
    const part = Buffer.alloc(MIB - 1, 'x');
    await everywhere(200, until, async () => {
      const socket = connect(Number(port), hostname);
      socket.on('error', () => undefined).resume();
      socket.write(head);
      socket.write(part);
      await Promise.race([ended(socket), sleep(3000)]);
      socket.destroy();
      // Of those that are given up at once there are not so many more.
      await sleep(1000);
    });
  },
};

const ended = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()));

const brackets: Attack = {
  name: 'brackets',
  what: 'five requests a second of nothing but brackets, as large as a body may be',
  run: async ({ server }, until) => {
    const { onion } = await server.life();
    // What is left of 1 MiB when it is sealed.
    const payload = Buffer.alloc(MIB - 4096, '[');
    await perSecond(5, until, () => onion.sendPayload('v4', payload));
  },
};

const replay: Attack = {
  name: 'replay',
  what: "others' former registration sent again, byte for byte, 20 times a second",
  run: async ({ server, neighbour }, until) => {
    const { onion } = await server.life();
    const [, { token, id }] = neighbour.phones;
    const { path, body } = onion.seal('register', { pubKey: newId(), token, device: 'android' });
    await onion.post(path, body);
    await neighbour.register({ id, token, device: 'android' });
    await perSecond(20, until, () => onion.post(path, body));
  },
};

const subscriptions: Attack = {
  name: 'subscriptions',
  what: 'subscriptions of made-up tokens, as fast as they are answered, and messages for them',
  needsNetwork: true,
  run: async (ground, until) => {
    const { onion } = await ground.server.life();
    await everywhere(4, until, async () => {
      const account = newSessionId();
      const wanted = Array.from({ length: 10 }, () =>
        subscribeRequest(account, { service: 'firebase', token: madeUp.fcm(ground) }),
      );
      await onion.ask('/subscribe', wanted).catch(() => undefined);
      await ground.network?.store(Buffer.from(account.id, 'hex'), 0, Buffer.alloc(500, 'x'));
    });
  },
};

/** More than one statement holds; a request has room for 500. */
const SUBSCRIPTIONS_AT_ONCE = 300;
/** What is put off with its devices has no more of them. */
const QUOTED_DEVICES = 16;
/** More than fit into memory with their devices: the others are put off, together. */
const NOTIFIES_AT_ONCE = 180;
/** It is about statements, and not about how many there are. */
const BURSTS_PER_SECOND = 0.15;

const packets: Attack = {
  name: 'packets',
  what: `tokens of 1,024 quotes: ${SUBSCRIPTIONS_AT_ONCE} subscribed at once, and bursts of ${NOTIFIES_AT_ONCE} notifications to ids with ${QUOTED_DEVICES} each`,
  needsNetwork: true,
  queueInDatabase: true,
  run: async (ground, until) => {
    const { server, client, network } = ground;
    const { onion } = await server.life();
    const subscribe = async (): Promise<void> => {
      const account = newGroup();
      const wanted = Array.from({ length: SUBSCRIPTIONS_AT_ONCE }, () =>
        subscribeRequest(account, { service: 'firebase', token: madeUp.quotes(ground) }),
      );
      await onion.ask('/subscribe', wanted);
      await network?.store(Buffer.from(account.id, 'hex'), 0, Buffer.alloc(500, 'x'));
    };
    const notify = async (): Promise<void> => {
      // What FCM has called dead is not put off any more.
      const pubKey = newId();
      await many(QUOTED_DEVICES, 8, () =>
        client.send('register', { pubKey, token: madeUp.quotes(ground), device: 'android' }),
      );
      await many(NOTIFIES_AT_ONCE, NOTIFIES_AT_ONCE, () =>
        client.send('notify', { send_to: pubKey, data: `${newId()}${"'".repeat(3500)}` }),
      );
    };
    await Promise.all([perSecond(BURSTS_PER_SECOND, until, subscribe), perSecond(BURSTS_PER_SECOND, until, notify)]);
  },
};

const reports: Attack = {
  name: 'reports',
  what: 'one storage node reports messages that nobody else has, as fast as it can',
  needsNetwork: true,
  run: async ({ server, network }, until) => {
    const { onion } = await server.life();
    const accounts = Array.from({ length: 20 }, newSessionId);
    await many(accounts.length, 4, async (index) => {
      const account = accounts[index];
      if (account) await onion.ask('/subscribe', [subscribeRequest(account)]);
    });
    const [account] = accounts;
    if (!account || !network) return;
    const bytes = Buffer.from(account.id, 'hex');
    const node = network.membersOf(bytes)[0]?.node;
    while (!until.aborted) {
      await node?.flood({ account: bytes, count: 640 });
      await sleep(1);
    }
  },
};

/** Against those who want to be heard, over HTTP and from the network. */
export const attacksOnTheDoor: readonly Attack[] = [
  passwords,
  connections,
  bodies,
  brackets,
  replay,
  subscriptions,
  packets,
  reports,
];
