import { setTimeout as sleep } from 'node:timers/promises';
import { type SwarmNetwork } from '../gateways/swarm/network.js';
import { type TestGateways } from '../test/support/gateways.js';
import { type LoadClient } from '../test/support/load/load-client.js';
import { type SupervisedServer } from '../test/support/load/supervised-server.js';
import { newAndroidToken, newHuaweiToken, newIosToken } from '../test/support/people.js';
import { type Neighbour } from './neighbour.js';

/** How much of everything. */
export interface Size {
  /** How long an attack lasts. */
  readonly seconds: number;
  /** Members of the group that the attack on the fan-out makes, with ten devices each. */
  readonly members: number;
  /** Connections, and unfinished requests. */
  readonly connections: number;
}

/** What an attack works with. */
export interface Ground {
  readonly size: Size;
  readonly server: SupervisedServer;
  /** The attacker's own requests. */
  readonly client: LoadClient;
  readonly gateways: TestGateways;
  /** Null = today's API is off. */
  readonly network: SwarmNetwork | null;
  /** What a stranger may know of others: ids and groups. */
  readonly neighbour: Neighbour;
}

export interface Attack {
  readonly name: string;
  /** What is done, for the table. */
  readonly what: string;
  /** Further variables of the server. */
  readonly env?: Readonly<Record<string, string>>;
  /** It is about today's API. */
  readonly needsNetwork?: boolean;
  /** Where there is Redis, the queue is on MariaDB all the same: it is about statements. */
  readonly queueInDatabase?: boolean;
  /** The people have had no push yet when it begins, as after an installation. */
  readonly quietServer?: boolean;
  /** What is done before the time counts. */
  prepare?(ground: Ground): Promise<void>;
  run(ground: Ground, until: AbortSignal): Promise<void>;
}

/** Does one thing after the other in several places at once, until the time is over. */
export async function everywhere(
  places: number,
  until: AbortSignal,
  step: (count: number) => Promise<unknown>,
): Promise<void> {
  let count = 0;
  await Promise.all(
    Array.from({ length: places }, async () => {
      while (!until.aborted) await step(count++);
    }),
  );
}

/** Does something so often in a second, whether or not the last one has ended. */
export async function perSecond(
  times: number,
  until: AbortSignal,
  step: (count: number) => Promise<unknown>,
): Promise<void> {
  const running = new Set<Promise<unknown>>();
  for (let count = 0; !until.aborted; count++) {
    const done: Promise<unknown> = step(count)
      .catch(() => undefined)
      .finally(() => running.delete(done));
    running.add(done);
    await sleep(1000 / times);
  }
  await Promise.all(running);
}

/** So many of something, some at a time. */
export async function many(count: number, atOnce: number, step: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < count) await step(next++);
    }),
  );
}

/** Tokens that no provider ever gave out; each provider answers for them as it documents. */
export const madeUp = {
  apns: ({ gateways }: Ground): string => {
    const token = newIosToken();
    // Apple answers BadDeviceToken.
    gateways.apns.mark(token, 'other-environment');
    return token;
  },
  fcm: ({ gateways }: Ground): string => {
    const token = newAndroidToken();
    gateways.fcm.mark(token, 'malformed');
    return token;
  },
  /** As long as a token may be; in a statement nearly all of its characters take two bytes. */
  quotes: ({ gateways }: Ground): string => {
    const token = newAndroidToken().slice(0, 32).padEnd(1024, "'");
    gateways.fcm.mark(token, 'malformed');
    return token;
  },
  huawei: ({ gateways }: Ground): string => {
    const token = newHuaweiToken();
    gateways.huawei.mark(token, 'dead');
    return token;
  },
};
