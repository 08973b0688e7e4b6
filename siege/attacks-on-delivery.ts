import { newData, newId } from '../test/support/people.js';
import { type Attack, everywhere, type Ground, madeUp, many, perSecond } from './ground.js';

const DEVICES_PER_MEMBER = 10;
const NOTIFIES = 27;
/** In a group that is nearly full. */
const FREE_PLACES = 10;

/** A made-up phone under a made-up id, and a push to it. */
async function pushToNobody(ground: Ground, kind: 'apns' | 'fcm' | 'huawei'): Promise<void> {
  const pubKey = newId();
  const device = { apns: 'ios', fcm: 'android', huawei: 'huawei' }[kind];
  await ground.client.send('register', { pubKey, token: madeUp[kind](ground), device });
  await ground.client.send('notify', { send_to: pubKey, data: newData() });
}

const registerIn = ({ client }: Ground, pubKey: string, token: string, groups: readonly string[]) =>
  client.send('register_legacy_groups_only', { pubKey, token, device: 'android', legacyGroupPublicKeys: groups });

const fanOut = (group: string): Attack => ({
  name: 'fan-out',
  what: `a closed group with ten made-up devices for each member, and ${NOTIFIES} notifications to it`,
  prepare: async (ground) => {
    await many(ground.size.members, 16, async () => {
      const pubKey = newId();
      for (let device = 0; device < DEVICES_PER_MEMBER; device++) {
        await ground.client.send('register', { pubKey, token: madeUp.fcm(ground), device: 'android' });
      }
      await ground.client.send('subscribe_closed_group', { closedGroupPublicKey: group, pubKey });
    });
  },
  run: async ({ client }) => {
    await Promise.all(
      Array.from({ length: NOTIFIES }, () => client.send('notify', { send_to: group, data: newData(4000) })),
    );
  },
});

const madeUpFcm: Attack = {
  name: 'made-up-fcm',
  what: '40 pushes a second to made-up FCM tokens, on a server that had none before',
  quietServer: true,
  run: (ground, until) => perSecond(40, until, () => pushToNobody(ground, 'fcm')),
};

const madeUpApns: Attack = {
  name: 'made-up-apns',
  what: '40 pushes a second to made-up APNs tokens, after a restart',
  prepare: async ({ server }) => {
    await server.stop();
    await server.start();
  },
  run: (ground, until) => perSecond(40, until, () => pushToNobody(ground, 'apns')),
};

const madeUpHuawei = (id: string): Attack => ({
  name: 'made-up-huawei',
  what: 'an id with 100 made-up HMS tokens, and 5 notifications a second to it',
  prepare: (ground) =>
    many(100, 8, () => ground.client.send('register', { pubKey: id, token: madeUp.huawei(ground), device: 'huawei' })),
  run: ({ client }, until) => perSecond(5, until, () => client.send('notify', { send_to: id, data: newData() })),
});

const brake: Attack = {
  name: 'brake',
  what: 'ids with 100 dead FCM tokens each, one notification a second to another one',
  run: (ground, until) =>
    perSecond(1, until, async () => {
      const pubKey = newId();
      await many(100, 8, async () => {
        const token = madeUp.fcm(ground);
        ground.gateways.fcm.mark(token, 'dead');
        await ground.client.send('register', { pubKey, token, device: 'android' });
      });
      await ground.client.send('notify', { send_to: pubKey, data: newData() });
    }),
};

const silence: Attack = {
  name: 'silence',
  what: "others' group registered as an id, with a device of unknown type, ten times a second",
  run: ({ client, neighbour }, until) =>
    perSecond(10, until, () => client.send('register', { pubKey: neighbour.group, token: newId(), device: 'unknown' })),
};

const caps: Attack = {
  name: 'caps',
  what: "made-up tokens for others' ids and made-up members for their group, until both are full",
  run: (ground, until) =>
    everywhere(4, until, async (count) => {
      const { client, neighbour } = ground;
      const { id } = neighbour.phones[count % 2 === 0 ? 0 : 1];
      await client.send('register', { pubKey: id, token: madeUp.fcm(ground), device: 'android' });
      for (let member = 0; member < 5; member++) {
        await client.send('subscribe_closed_group', { closedGroupPublicKey: neighbour.group, pubKey: newId() });
      }
    }),
};

const flood = (groups: readonly string[]): Attack => ({
  name: 'flood',
  what: 'somebody else joined to 20 groups, and 100 notifications a second to these',
  prepare: async ({ client, neighbour }) => {
    for (const group of groups) {
      await client.send('subscribe_closed_group', { closedGroupPublicKey: group, pubKey: neighbour.phones[1].id });
    }
  },
  run: ({ client }, until) =>
    perSecond(100, until, (count) =>
      client.send('notify', { send_to: groups[count % groups.length] ?? '', data: newData() }),
    ),
});

const writers = (pubKey: string, groups: readonly string[]): Attack => ({
  name: 'writers',
  what: `the same registration ten times a second, with ${groups.length} groups that are nearly full`,
  prepare: (ground) =>
    many(ground.size.members - FREE_PLACES, 8, async () => {
      await registerIn(ground, newId(), madeUp.fcm(ground), groups);
    }),
  run: (ground, until) => {
    const token = madeUp.fcm(ground);
    return perSecond(10, until, () => registerIn(ground, pubKey, token, groups));
  },
});

/** Against those who wait for pushes. */
export const attacksOnDelivery = (): readonly Attack[] => [
  fanOut(newId()),
  madeUpFcm,
  madeUpApns,
  madeUpHuawei(newId()),
  brake,
  silence,
  caps,
  flood(Array.from({ length: 20 }, newId)),
  writers(newId(), Array.from({ length: 200 }, newId)),
];
