import { type ReceivedPush } from '../gateways/recorder.js';
import { type EncType } from '../src/onion/protocol/ciphers.js';
import { type JsonObject } from '../src/encoding/json.js';
import { type OnionVersion } from '../src/onion/protocol/onion-client.js';
import { type AnyGateway, type Provider } from '../test/support/gateways.js';
import { newAndroidToken, newHuaweiToken, newId, newIosToken } from '../test/support/people.js';
import { type Narrator, shortened } from './narrator.js';
import { type Stage } from './stage.js';

const PATIENCE_MS = 10_000;

/** Something did not happen as it should. The message is for the reader of the demo. */
export class DemoError extends Error {}

/** An app, and the way it talks to the server. */
export class App {
  constructor(
    readonly name: string,
    protected readonly stage: Stage,
    private readonly narrator: Narrator,
    private readonly onion: { version: OnionVersion; encType: EncType },
  ) {}

  /** One command through an onion request, told and checked. */
  async send(command: string, args: JsonObject): Promise<void> {
    const { version, encType } = this.onion;
    this.narrator.step(`${this.name} sends ${command} (${version}, ${encType})`);
    this.narrator.detail(JSON.stringify(args, (_name, value: unknown) => shortened(value)));
    const { status, body } = await this.stage.onion.send(command, args, { version, encType });
    const answer = JSON.stringify(body);
    if (status !== 200 || body['code'] !== 1) throw new DemoError(`${command} was answered ${status} ${answer}`);
    this.narrator.good(`answered ${answer}`);
  }
}

/** An app with a device token and a push service that wakes it. */
export class Phone extends App {
  readonly id = newId();
  readonly token: string;
  private seen = 0;

  constructor(
    owner: string,
    readonly provider: Exclude<Provider, 'webpush'>,
    stage: Stage,
    narrator: Narrator,
    onion: { version: OnionVersion; encType: EncType },
  ) {
    super(owner, stage, narrator, onion);
    this.token = { apns: newIosToken, fcm: newAndroidToken, huawei: newHuaweiToken }[provider]();
  }

  /** Ends with the next push to this phone. */
  async nextPush(): Promise<ReceivedPush> {
    const wanted = ++this.seen;
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const push = this.pushes[wanted - 1];
      if (push) return push;
      if (Date.now() > deadline) throw new DemoError(`no push arrived for ${this.name} within ${PATIENCE_MS / 1000} s`);
      await new Promise((resume) => setTimeout(resume, 10));
    }
  }

  /** Pushes that nobody waited for. */
  get surprises(): number {
    return this.pushes.length - this.seen;
  }

  private get pushes(): readonly ReceivedPush[] {
    const gateway: AnyGateway = this.stage.gateways[this.provider];
    return gateway.received.filter(({ token }) => token === this.token);
  }
}
