import { setTimeout as sleep } from 'node:timers/promises';
import { type SwarmNetwork } from '../../../gateways/swarm/network.js';
import { type WebPushSubscription } from '../../../gateways/webpush.phone.js';
import { type Account, newGroup, newMember, newSessionId, subscribeRequest } from '../subscribing-phone.js';
import { type DeliveryLedger } from './delivery-ledger.js';
import { type SealedPhones, type SubscribedPhone } from './sealed-phones.js';
import { type SupervisedServer } from './supervised-server.js';

/** What correspondents share. */
export interface NetworkStage {
  readonly server: SupervisedServer;
  readonly network: SwarmNetwork;
  readonly phones: SealedPhones;
  readonly deliveries: DeliveryLedger;
  /** Whether the server will live until it has taken what is reported now. Default: nobody knows. */
  readonly isSteady?: () => boolean;
  /** Accounts whose phones subscribe once, and whose nodes are left alone. Default: none. */
  readonly undisturbed?: {
    has(account: Buffer): boolean;
    /** Called once the server is steady. */
    stored(account: Buffer, told: number): void;
  };
  /** For a phone without Google. Default: nobody has one. */
  readonly newEndpoint?: () => WebPushSubscription;
}

interface Recipient {
  readonly account: Buffer;
  readonly namespace: number;
  readonly signer: Account;
  phones: SubscribedPhone[];
  /** Devices that are being subscribed. */
  readonly perhaps: Set<string>;
}

/** The namespaces of one-to-one messages and of a group's. */
const [PERSON, GROUP] = [0, 11];
/** How often it is tried again while no node has the server on its line. */
const RETRY_MS = 100;
/** A server that restarts cuts a few. */
const MAX_TRIES = 20;

/** Writes to a person and to a group in the network, whose phones subscribed to it. */
export class Correspondent {
  private readonly recipients: Recipient[] = [];
  /** Messages that at least one node reported. */
  reported = 0;

  /** @param count of people and as many groups. A long load needs many phones: each gets a bounded number of pushes. */
  constructor(
    private readonly stage: NetworkStage,
    private readonly count = 1,
  ) {}

  /** A phone of each kind for a person, and as many for a group. The server must be running. */
  async settle(): Promise<void> {
    for (let index = 0; index < this.count; index++) {
      await this.subscribe(newSessionId(), PERSON);
      await this.subscribe(newGroup(), GROUP);
    }
  }

  async act(): Promise<void> {
    const { deliveries, network, undisturbed } = this.stage;
    const { account, namespace, phones, perhaps } = pickFrom(this.recipients);
    const data = deliveries.newData('');
    const tokens = phones.map(({ token }) => token);
    deliveries.asked(data, tokens, { isReported: true, perhaps });
    const { told } = await network.storeAndCount(account, namespace, Buffer.from(data));
    const isSteady = this.stage.isSteady?.() ?? false;
    if (isSteady && undisturbed?.has(account)) undisturbed.stored(account, told);
    if (told === 0) {
      await sleep(RETRY_MS);
      return;
    }
    this.reported++;
    if (isSteady) deliveries.acknowledged(data);
  }

  /** The push server asks to leave somebody's phone without Google alone for a while. */
  throttle(begin: (endpoint: string) => void): void {
    const { token } = endpointOf(pickFrom(this.recipients));
    begin(token);
    this.stage.deliveries.throttle(token);
  }

  /**
   * The push server gives up the endpoint of somebody's phone without Google, whose app gets a new one and subscribes with it.
   *
   * @param giveUp is told the old one, at the moment when it ends
   */
  async changeEndpoint(giveUp: (endpoint: string) => void): Promise<void> {
    const { phones, deliveries, newEndpoint, undisturbed } = this.stage;
    if (!newEndpoint) throw new Error('Nobody has a phone without Google.');
    const recipient = pickFrom(this.recipients.filter(({ account }) => !undisturbed?.has(account)));
    const old = endpointOf(recipient);
    const renewed = phones.makeWithoutGoogle(newEndpoint());
    recipient.perhaps.add(renewed.token);
    await this.insist(recipient, [renewed]);
    recipient.phones = [...recipient.phones.filter((phone) => phone !== old), renewed];
    giveUp(old.token);
    deliveries.end(old.token);
  }

  private async subscribe(owner: Account, namespace: number): Promise<void> {
    const { phones, network, newEndpoint } = this.stage;
    const account = Buffer.from(owner.id, 'hex');
    const signer = namespace === GROUP ? newMember(owner) : owner;
    const recipient = { account, namespace, signer, phones: phones.make(newEndpoint?.()), perhaps: new Set<string>() };
    await this.insist(recipient, recipient.phones);
    while (!network.membersOf(account).every(({ node }) => node.subscriptions.of(account).length > 0)) await sleep(20);
    this.recipients.push(recipient);
  }

  /** Apps ask again while the server is away or busy. */
  private async insist(recipient: Recipient, made: readonly SubscribedPhone[]): Promise<void> {
    let answer: unknown;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      answer = await this.ask(recipient, made).catch(() => 'none');
      if (Array.isArray(answer) && answer.every(({ success }) => success === true)) return;
      await sleep(RETRY_MS);
    }
    throw new Error(`Not everybody could subscribe: ${JSON.stringify(answer)}`);
  }

  private async ask({ signer, namespace }: Recipient, made: readonly SubscribedPhone[]): Promise<unknown> {
    const requests = made.map((phone) => subscribeRequest(signer, { ...phone, namespaces: [namespace] }));
    const { onion } = await this.stage.server.life();
    return (await onion.ask('/subscribe', requests)).body;
  }
}

function pickFrom(recipients: readonly Recipient[]): Recipient {
  const recipient = recipients[Math.floor(Math.random() * recipients.length)];
  if (!recipient) throw new Error('Nobody has subscribed.');
  return recipient;
}

function endpointOf({ phones }: Recipient): SubscribedPhone {
  const found = phones.find(({ service }) => service === 'webpush');
  if (!found) throw new Error('Nobody has a phone without Google.');
  return found;
}
