import { setTimeout as sleep } from 'node:timers/promises';
import { newAndroidToken, newData, newHuaweiToken, newId, newIosToken } from '../people.js';
import { type DeliveryLedger } from './delivery-ledger.js';
import { type LoadClient } from './load-client.js';
import {
  type Change,
  deviceKey,
  deviceValue,
  groupKey,
  memberKey,
  PRESENT,
  type RegistryLedger,
} from './registry-ledger.js';

/** What actors share. */
export interface Stage {
  readonly client: LoadClient;
  readonly registry: RegistryLedger;
  readonly deliveries: DeliveryLedger;
  /** Facts that contradict the ledger while it runs. */
  readonly contradictions: string[];
}

export interface Phone {
  readonly token: string;
  readonly device: 'ios' | 'android' | 'huawei';
}

/** Clients send a `notify` up to four times when no answer comes. */
const MAX_TRIES = 4;

const pick = <T>(list: readonly T[]): T => {
  const item = list[Math.floor(Math.random() * list.length)];
  if (item === undefined) throw new Error('There is nothing to pick from.');
  return item;
};

const newPhones = (): Phone[] => [
  { token: newIosToken(), device: 'ios' },
  { token: newAndroidToken(), device: 'android' },
  { token: newHuaweiToken(), device: 'huawei' },
];

/** Somebody whose request is repeated until it is answered. */
async function insist(ask: () => Promise<{ kind: string }>): Promise<void> {
  while ((await ask()).kind !== 'answered') await sleep(20);
}

/** A change of the registry; what the answer means is told to the ledger. */
async function change(stage: Stage, endpoint: string, args: Record<string, unknown>, changes: Change[]) {
  const { client, registry } = stage;
  registry.asked(changes);
  const outcome = await client.send(endpoint, args);
  if (outcome.kind === 'answered' && outcome.done) registry.acknowledged(changes);
  return outcome;
}

const register = (stage: Stage, { token, device }: Phone, pubKey: string) =>
  change(stage, 'register', { token, pubKey, device }, [
    { key: deviceKey(token), value: deviceValue(pubKey, device, false) },
  ]);

const subscribe = (stage: Stage, group: string, pubKey: string) =>
  change(stage, 'subscribe_closed_group', { closedGroupPublicKey: group, pubKey }, [
    { key: memberKey(group, pubKey), value: PRESENT },
    { key: groupKey(group), value: PRESENT },
  ]);

/** Sends to people and groups that never change, so that every acknowledged notification has to reach all their phones. */
export class Notifier {
  private readonly recipients: { id: string; tokens: string[] }[] = [];

  /** @param pairs of people. A phone gets a burst of pushes whole and then one a second: a long load needs many phones. */
  constructor(
    private readonly stage: Stage,
    private readonly pairs = 1,
  ) {}

  /** For each pair two people with a phone of each kind, and a group of both. */
  async settle(): Promise<void> {
    for (let pair = 0; pair < this.pairs; pair++) await this.settlePair();
  }

  private async settlePair(): Promise<void> {
    const group = newId();
    const people: { id: string; tokens: string[] }[] = [];
    for (let person = 0; person < 2; person++) {
      const [id, phones] = [newId(), newPhones()];
      for (const phone of phones) await insist(() => register(this.stage, phone, id));
      await insist(() => subscribe(this.stage, group, id));
      people.push({ id, tokens: phones.map(({ token }) => token) });
    }
    this.recipients.push(...people, { id: group, tokens: people.flatMap(({ tokens }) => tokens) });
  }

  async act(): Promise<void> {
    const { client, deliveries } = this.stage;
    const { id, tokens } = pick(this.recipients);
    const data = deliveries.newData(newData(120));
    deliveries.asked(data, tokens);
    for (let attempt = 1; attempt <= MAX_TRIES; attempt++) {
      const outcome = await client.send('notify', { send_to: id, data });
      if (outcome.kind === 'answered') {
        deliveries.acknowledged(data);
        return;
      }
      deliveries.mayRepeat(data);
    }
  }
}

/** Registers, moves, unregisters, joins and leaves. Its ids, phones and groups are nobody else's. */
export class Wanderer {
  private readonly ids = [newId(), newId()];
  private readonly phones = newPhones();
  private readonly groups = [newId(), newId()];

  constructor(private readonly stage: Stage) {}

  async act(): Promise<void> {
    const [id, phone, group] = [pick(this.ids), pick(this.phones), pick(this.groups)];
    switch (Math.floor(Math.random() * 6)) {
      case 0:
      case 1:
        return this.expectDone(await register(this.stage, phone, id), 'register');
      case 2:
        return this.registerLegacy(phone, id, this.groups.slice(0, 1 + Math.floor(Math.random() * 2)));
      case 3:
        return this.unregister(phone);
      case 4:
        return this.expectDone(await subscribe(this.stage, group, id), 'subscribe_closed_group');
      default:
        return this.unsubscribe(group, id);
    }
  }

  private async registerLegacy({ token, device }: Phone, pubKey: string, groups: string[]): Promise<void> {
    const outcome = await change(
      this.stage,
      'register_legacy_groups_only',
      { token, pubKey, device, legacyGroupPublicKeys: groups },
      [
        { key: deviceKey(token), value: deviceValue(pubKey, device, true) },
        ...groups.flatMap((group) => [
          { key: memberKey(group, pubKey), value: PRESENT },
          { key: groupKey(group), value: PRESENT },
        ]),
      ],
    );
    this.expectDone(outcome, 'register_legacy_groups_only');
  }

  private async unregister({ token }: Phone): Promise<void> {
    const { registry, contradictions } = this.stage;
    const key = deviceKey(token);
    const [mayBeThere, mayBeAbsent] = [registry.mayBeThere(key), registry.mayBeAbsent(key)];
    const outcome = await change(this.stage, 'unregister', { token }, [{ key, value: null }]);
    if (outcome.kind !== 'answered') return;
    if (outcome.done && !mayBeThere) contradictions.push('a token that was gone could be unregistered');
    if (!outcome.done && !mayBeAbsent) contradictions.push('a token that was registered was not there');
    registry.acknowledged([{ key, value: null }]);
  }

  private async unsubscribe(group: string, pubKey: string): Promise<void> {
    const { registry, contradictions } = this.stage;
    const mayBeUnknown = registry.mayBeAbsent(groupKey(group));
    const gone = [{ key: memberKey(group, pubKey), value: null }];
    const outcome = await change(this.stage, 'unsubscribe_closed_group', { closedGroupPublicKey: group, pubKey }, gone);
    if (outcome.kind !== 'answered') return;
    if (!outcome.done && !mayBeUnknown) contradictions.push('a group that somebody joined is not known');
    registry.acknowledged(gone);
  }

  private expectDone(outcome: { kind: string; done?: boolean; message?: string }, endpoint: string): void {
    if (outcome.kind === 'answered' && !outcome.done) {
      this.stage.contradictions.push(`${endpoint} was refused: ${outcome.message}`);
    }
  }
}

/** Lets everybody act, each one thing after another, until told to stop; resolves when the last thing is done. */
export function play(actors: readonly { act(): Promise<void> }[], pauseMs: number): { stop: () => Promise<void> } {
  const end = new AbortController();
  const all = Promise.all(
    actors.map(async (actor) => {
      while (!end.signal.aborted) {
        await actor.act();
        await sleep(Math.random() * pauseMs);
      }
    }),
  );
  return {
    stop: async () => {
      end.abort();
      await all;
    },
  };
}
