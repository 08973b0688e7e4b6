import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ReceivedPush } from '../gateways/recorder.js';
import { type SwarmNetwork } from '../gateways/swarm/network.js';
import { type LoadClient, type Outcome } from '../test/support/load/load-client.js';
import { type SupervisedServer } from '../test/support/load/supervised-server.js';
import { openPush } from '../test/support/opened-push.js';
import { newAndroidToken, newHuaweiToken, newId, newIosToken } from '../test/support/people.js';
import { newSessionId, subscribeRequest } from '../test/support/subscribing-phone.js';

interface Phone {
  readonly id: string;
  readonly token: string;
  readonly device: 'ios' | 'android' | 'huawei';
}

interface Note {
  readonly token: string;
  readonly isForGroup: boolean;
  /** Of `performance.now()`: when it was sent, and when its push arrived. */
  readonly sentAt: number;
  arrivedAt: number | null;
}

/** What somebody got while others were attacked. Times are in milliseconds. */
export interface Received {
  readonly sent: number;
  /** Pushes with the content that was sent, and those to the group for which the phone was woken to fetch it. */
  readonly delivered: number;
  readonly medianMs: number;
  readonly longestMs: number;
  /** Of the answers to his requests. */
  readonly slowestAnswerMs: number;
  /** Requests that were refused, cut or left without an answer. */
  readonly failed: number;
}

const PAUSE_MS = 250;
/** An app registers again now and then, above all at its start. */
const REGISTERS_EVERY = 8;
const LAST_PUSHES_WITHIN_MS = 60_000;

/** Well-behaved people with a phone of each kind, and a closed group that one of them is in: somebody writes to each in turn. */
export class Neighbour {
  readonly phones: readonly [Phone, Phone, Phone] = [
    { id: newId(), token: newIosToken(), device: 'ios' },
    { id: newId(), token: newAndroidToken(), device: 'android' },
    { id: newId(), token: newHuaweiToken(), device: 'huawei' },
  ];
  readonly group = newId();
  private readonly account = newSessionId();
  private readonly subscribed = { token: newAndroidToken(), encKey: randomBytes(32) };
  private readonly notes = new Map<string, Note>();
  private made = 0;
  private refused = 0;

  /** @param network null = today's API is off */
  constructor(
    private readonly client: LoadClient,
    private readonly server: SupervisedServer,
    private readonly network: SwarmNetwork | null,
  ) {}

  async settle(): Promise<void> {
    for (const phone of this.phones) await this.register(phone);
    const [, android] = this.phones;
    await this.expectDone(
      this.client.send('subscribe_closed_group', { closedGroupPublicKey: this.group, pubKey: android.id }),
    );
    if (this.network) await this.subscribe(this.network);
  }

  /** One round to everybody, so that their tokens were accepted once. */
  async warmUp(): Promise<void> {
    for (let turn = 0; turn < this.ways.length; turn++) await this.write(turn);
    await this.lastPushes();
    this.notes.clear();
  }

  /** Writes until told to stop. */
  async run(until: AbortSignal): Promise<void> {
    for (let turn = 0; !until.aborted; turn++) {
      const phone = this.phones[turn % this.phones.length];
      if (phone && turn % REGISTERS_EVERY === REGISTERS_EVERY - 1) await this.register(phone);
      await this.write(turn);
      await sleep(PAUSE_MS);
    }
  }

  /** A push that a gateway took. */
  received({ rawBody }: Pick<ReceivedPush, 'rawBody'>, token: string): void {
    const text = token === this.subscribed.token ? this.opened(rawBody) : rawBody.toString();
    const note = this.notes.get(nameOf(text));
    if (note?.token === token) note.arrivedAt ??= performance.now();
    // What a phone gets through groups has a bound, above which it is woken to fetch the rest.
    if (isWakeUp(text))
      for (const other of this.notes.values()) {
        if (other.isForGroup && other.token === token) other.arrivedAt ??= performance.now();
      }
  }

  /** Waits for what is still on its way, and tells what arrived. */
  async result(): Promise<Received> {
    await this.lastPushes();
    const waits = [...this.notes.values()]
      .flatMap(({ sentAt, arrivedAt }) => (arrivedAt === null ? [] : [arrivedAt - sentAt]))
      .toSorted((one, other) => one - other);
    const { failed, cut, slowestMs, unexpected } = this.client.tally;
    return {
      sent: this.notes.size,
      delivered: waits.length,
      medianMs: waits[Math.floor(waits.length / 2)] ?? Infinity,
      longestMs: waits.length < this.notes.size ? Infinity : (waits.at(-1) ?? Infinity),
      slowestAnswerMs: slowestMs,
      failed: this.refused + failed + cut + unexpected.length,
    };
  }

  register({ id, token, device }: Phone): Promise<void> {
    return this.expectDone(this.client.send('register', { pubKey: id, token, device }));
  }

  private get ways(): readonly (() => Promise<void>)[] {
    const [ios, android, huawei] = this.phones;
    const { network } = this;
    return [
      ...[ios, android, huawei].map(
        ({ id, token }) =>
          () =>
            this.notify(id, token),
      ),
      () => this.notify(this.group, android.token),
      ...(network ? [() => this.store(network)] : []),
    ];
  }

  private async write(turn: number): Promise<void> {
    await this.ways[turn % this.ways.length]?.();
  }

  private notify(recipient: string, token: string): Promise<void> {
    const name = this.note(token, recipient === this.group);
    const data = Buffer.from(`${name}${randomBytes(90).toString('base64')}`).toString('base64');
    return this.expectDone(this.client.send('notify', { send_to: recipient, data: `${name}${data}` }));
  }

  private async store(network: SwarmNetwork): Promise<void> {
    await network.store(Buffer.from(this.account.id, 'hex'), 0, Buffer.from(this.note(this.subscribed.token)));
  }

  private async subscribe(network: SwarmNetwork): Promise<void> {
    const { onion } = await this.server.life();
    await onion.ask('/subscribe', [subscribeRequest(this.account, { service: 'firebase', ...this.subscribed })]);
    const account = Buffer.from(this.account.id, 'hex');
    const watches = (): boolean =>
      network.membersOf(account).every(({ node }) => node.subscriptions.of(account).length > 0);
    for (const end = performance.now() + 20_000; !watches(); await sleep(100)) {
      if (performance.now() > end) throw new Error('The nodes were not asked to tell of an account.');
    }
  }

  private note(token: string, isForGroup = false): string {
    const name = `NOTE${String(++this.made).padStart(12, '0')}`;
    this.notes.set(name, { token, isForGroup, sentAt: performance.now(), arrivedAt: null });
    return name;
  }

  private async lastPushes(): Promise<void> {
    const isMissing = (): boolean => [...this.notes.values()].some(({ arrivedAt }) => arrivedAt === null);
    for (const end = performance.now() + LAST_PUSHES_WITHIN_MS; isMissing() && performance.now() < end;)
      await sleep(50);
  }

  private async expectDone(outcome: Promise<Outcome>): Promise<void> {
    const answer = await outcome;
    if (answer.kind === 'answered' && !answer.done) this.refused++;
  }

  /** What is in a push of today's API; empty = it cannot be opened. */
  private opened(rawBody: Buffer): string {
    const [, payload] = /"enc_payload"\s*:\s*"([^"]+)"/.exec(rawBody.toString()) ?? [];
    return payload === undefined ? '' : String(openPush(this.subscribed.encKey, payload).data);
  }
}

/** Of the legacy API, on Android. */
const isWakeUp = (text: string): boolean => text.includes('"remote":"1"');

const nameOf = (text: string): string => /NOTE\d{12}/.exec(text)?.[0] ?? '';
