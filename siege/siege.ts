import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSwarmNetwork } from '../gateways/swarm/network.js';
import { type Credentials } from '../gateways/certificates.js';
import { startGateways } from '../test/support/gateways.js';
import { LoadClient } from '../test/support/load/load-client.js';
import { type PrivateStorage, type PrivateStorages, type StorageKind } from '../test/support/load/private-storages.js';
import { peakMb } from '../test/support/load/resident-memory.js';
import { SupervisedServer } from '../test/support/load/supervised-server.js';
import { attacksOnDelivery } from './attacks-on-delivery.js';
import { attacksOnTheDoor } from './attacks-on-the-door.js';
import { type Attack, type Size } from './ground.js';
import { Neighbour, type Received } from './neighbour.js';

/** What an attack came to. */
export interface Outcome extends Received {
  readonly attack: Attack;
  /** The attacker's requests of the legacy API; others are not counted. */
  readonly requests: number;
  /** The most that the server had. */
  readonly peakMb: number;
  /** Ends of the server that nobody asked for. */
  readonly crashes: number;
}

/** As in the first report of these attacks. */
const HEAP = { NODE_OPTIONS: '--max-old-space-size=512' };

/** Nothing at all, to compare with. */
const peace: Attack = { name: 'peace', what: 'nobody attacks', run: async (_ground, until) => untilOver(until) };

export const allAttacks = (): readonly Attack[] => [peace, ...attacksOnDelivery(), ...attacksOnTheDoor];

/** The least that the server takes: a longer statement is refused. */
export const MARIADB_SETTINGS = ['--max-allowed-packet=1M'];

export const storageFor = (attack: Attack, kind: StorageKind, storages: PrivateStorages): Promise<PrivateStorage> =>
  storages.create(kind === 'redis' && attack.queueInDatabase ? 'mariadb' : kind);

/** One attack on a server of its own, beside well-behaved people. */
export async function besiege(
  attack: Attack,
  storage: PrivateStorage,
  size: Size,
  credentials: Credentials,
): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'spns-siege-'));
  let neighbour: Neighbour | null = null;
  const gateways = await startGateways(credentials, (_provider, push) => neighbour?.received(push, push.token));
  const network = attack.needsNetwork ? await startSwarmNetwork() : null;
  const env = { ...gateways.environment, ...network?.environment, ...storage.env, ...HEAP, ...attack.env };
  const server = new SupervisedServer(env, folder);
  try {
    await server.start();
    neighbour = new Neighbour(new LoadClient(server), server, network);
    const ground = { size, server, client: new LoadClient(server), gateways, network, neighbour };
    await neighbour.settle();
    if (!attack.quietServer) await neighbour.warmUp();
    await attack.prepare?.(ground);
    const crashed = watch(server);
    const until = AbortSignal.timeout(size.seconds * 1000);
    const attacked = attack.run(ground, until).catch(() => undefined);
    await Promise.race([neighbour.run(until), crashed.promise]);
    const received = await neighbour.result();
    const outcome = {
      ...received,
      attack,
      requests: ground.client.tally.requests,
      // Of one that has ended nothing can be told.
      peakMb: crashed.count() > 0 ? 0 : peakMb(server.pid ?? 0),
      crashes: crashed.count(),
    };
    await Promise.race([attacked, crashed.promise]);
    return outcome;
  } finally {
    if (server.pid !== undefined) await server.kill();
    await network?.close();
    await gateways.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Whether the running life ends by itself. */
function watch(server: SupervisedServer): { promise: Promise<void>; count: () => number } {
  let count = 0;
  const wait = async (): Promise<void> => {
    const { ended } = await server.life();
    await ended;
    count++;
  };
  return { promise: wait(), count: () => count };
}

const untilOver = (until: AbortSignal): Promise<void> =>
  new Promise((resolve) => until.addEventListener('abort', () => resolve()));
