import { randomBytes } from 'node:crypto';
import { type ReceivedPush } from '../gateways/recorder.js';
import { type WebPushSubscription } from '../gateways/webpush.phone.js';
import { type AnyGateway, type Provider } from '../test/support/gateways.js';
import { type OpenedPush, openPush } from '../test/support/opened-push.js';
import { newAndroidToken, newIosToken } from '../test/support/people.js';
import { type Account, subscribeRequest, unsubscribeRequest } from '../test/support/subscribing-phone.js';
import { DemoError } from './cast.js';
import { type Narrator, shortened } from './narrator.js';
import { type Stage } from './stage.js';

const PATIENCE_MS = 10_000;

const PROVIDER_OF = { apns: 'apns', firebase: 'fcm', webpush: 'webpush' } as const satisfies Record<string, Provider>;

/** A phone with a current app: it subscribes accounts, and opens what wakes it with a key that it alone has. */
export class Subscriber {
  readonly provider: Provider;
  private readonly token: string;
  private readonly key = randomBytes(32);
  private seen = 0;

  constructor(
    readonly name: string,
    private readonly service: keyof typeof PROVIDER_OF,
    private readonly stage: Stage,
    private readonly narrator: Narrator,
    /** What a phone without Google has instead of a token. */
    private readonly serviceInfo?: WebPushSubscription,
  ) {
    this.provider = PROVIDER_OF[service];
    this.token = serviceInfo?.endpoint ?? (service === 'apns' ? newIosToken() : newAndroidToken());
  }

  /** A phone that is woken through a push server of its owner's choice, which makes an endpoint for this server's key alone. */
  static async withoutGoogle(name: string, stage: Stage, narrator: Narrator): Promise<Subscriber> {
    narrator.step(`${name} asks for services (v4)`);
    const { body } = await stage.onion.ask('/services', {});
    narrator.good(`answered ${JSON.stringify(body)}`);
    const { vapid } = body as { vapid: string };
    const subscription = stage.gateways.webpush.subscribe(vapid);
    narrator.detail(`its push server gives it the endpoint ${subscription.endpoint}`);
    return new Subscriber(name, 'webpush', stage, narrator, subscription);
  }

  /** Ends when every node that keeps the account's messages has been told. */
  async subscribe(account: Account, namespaces: readonly number[], how: string): Promise<void> {
    this.narrator.step(`${this.name} sends subscribe (v4, ${how})`);
    const { service, token, serviceInfo, key: encKey } = this;
    await this.ask('/subscribe', [subscribeRequest(account, { service, token, serviceInfo, encKey, namespaces })]);
    const bytes = Buffer.from(account.id, 'hex');
    const members = this.stage.network.membersOf(bytes);
    const isWatched = () => members.every(({ node }) => node.subscriptions.of(bytes).length > 0);
    await until(isWatched, 'the nodes were not told');
    this.narrator.good(`all ${members.length} nodes of the account's swarm were told`);
  }

  async unsubscribe(account: Account): Promise<void> {
    this.narrator.step(`${this.name} sends unsubscribe (v4)`);
    const { service, token } = this;
    await this.ask('/unsubscribe', [unsubscribeRequest(account, { service, token })]);
  }

  /** Ends with the next push to this phone, opened as its app does. */
  async wakes(): Promise<OpenedPush> {
    const wanted = ++this.seen;
    await until(() => this.pushes.length >= wanted, `no push arrived for ${this.name}`);
    const push = this.pushes[wanted - 1];
    if (!push) throw new DemoError(`no push arrived for ${this.name}`);
    this.narrator.push(this.provider, push);
    return openPush(this.key, payloadOf(push));
  }

  /** Pushes that nobody waited for. */
  get surprises(): number {
    return this.pushes.length - this.seen;
  }

  private get pushes(): readonly ReceivedPush[] {
    const gateway: AnyGateway = this.stage.gateways[this.provider];
    return gateway.received.filter(({ token }) => token === this.token);
  }

  private async ask(endpoint: string, items: readonly object[]): Promise<void> {
    this.narrator.detail(JSON.stringify(items, (_name, value: unknown) => shortened(value)));
    const { status, body } = await this.stage.onion.ask(endpoint, JSON.stringify(items));
    const answer = JSON.stringify(body);
    const isDone = Array.isArray(body) && body.every((item: { success?: boolean }) => item.success === true);
    if (status !== 200 || !isDone) throw new DemoError(`${endpoint} was answered ${status} ${answer}`);
    this.narrator.good(`answered ${answer}`);
  }
}

/** The body is as the phone reads it: a phone without Google has opened it already, with the keys of its endpoint. */
function payloadOf({ body }: ReceivedPush): string {
  const payload = /"enc_payload":"([^"]+)"/.exec(JSON.stringify(body))?.[1];
  if (payload === undefined) throw new DemoError('a push had nothing for its phone to open');
  return payload;
}

async function until(isSo: () => boolean, otherwise: string): Promise<void> {
  for (const deadline = Date.now() + PATIENCE_MS; !isSo();) {
    if (Date.now() > deadline) throw new DemoError(`${otherwise} within ${PATIENCE_MS / 1000} s`);
    await new Promise((resume) => setTimeout(resume, 10));
  }
}
