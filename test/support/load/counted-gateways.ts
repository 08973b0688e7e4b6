import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startApnsGateway } from '../../../gateways/apns.gateway.js';
import { makeCredentials, writeCredentials } from '../../../gateways/certificates.js';
import { gatewayEnvironment } from '../../../gateways/environment.js';
import { startFcmGateway } from '../../../gateways/fcm.gateway.js';
import { startHuaweiGateway } from '../../../gateways/huawei.gateway.js';
import { startWebPushGateway, type WebPushGateway } from '../../../gateways/webpush.gateway.js';
import { type WebPushSubscription } from '../../../gateways/webpush.phone.js';
import { type ReceivedPush } from '../../../gateways/recorder.js';
import { type DeliveryLedger } from './delivery-ledger.js';

interface Outage {
  stopListening(): Promise<void>;
  listenAgain(): Promise<void>;
}

export interface CountedGateways {
  readonly all: readonly Outage[];
  /** The push servers of phones without Google. */
  readonly pushHosts: readonly WebPushGateway[];
  /** The variables that lead a server to them. */
  readonly environment: Readonly<Record<string, string>>;
  /** A phone asks for an endpoint at one of the push servers, in turn. */
  newEndpoint(): WebPushSubscription;
  close(): Promise<void>;
}

/** The answer to what was taken so shortly before the connections were cut may not have been read. */
const UNREAD_MS = 2000;

/** What any provider's push has that is from here, but for HMS's with a sender's content; and what holds the content. */
const [MARK, CONTENT] = [/"(remote|spns)\\?"/, /enc_payload|ENCRYPTED_DATA/];
const isWithoutContent = (body: string): boolean => MARK.test(body) && !CONTENT.test(body);

/** What one gateway took lately. */
class LatelyTaken {
  private taken: { text: string; token: string; at: number }[] = [];

  constructor(private readonly ledger: DeliveryLedger) {}

  add(text: string, token: string): void {
    const at = Date.now();
    this.taken.push({ text, token, at });
    if ((this.taken[0]?.at ?? at) < at - 2 * UNREAD_MS) this.forget();
  }

  /** The connections are cut: each of these may come once more. */
  answersMayBeLost(): void {
    this.forget();
    for (const { text, token } of this.taken) this.ledger.answerMayBeLost(text, token);
  }

  private forget(): void {
    const since = Date.now() - UNREAD_MS;
    this.taken = this.taken.filter(({ at }) => at >= since);
  }
}

/**
 * The stand-in push services, which tell the ledger what they take and keep nothing themselves. `reveal` opens what is
 * sealed for a phone.
 *
 * @param pushHosts how many push servers there are for phones without Google
 */
export async function startCountedGateways(
  ledger: DeliveryLedger,
  reveal: (body: string, token: string) => string = (body) => body,
  pushHosts = 1,
): Promise<CountedGateways> {
  const folder = mkdtempSync(join(tmpdir(), 'spns-gateways-'));
  const credentials = await makeCredentials();
  const all: Outage[] = [];
  /** @param textOf what the phone reads */
  const start = async <Gateway extends Outage>(
    open: (options: {
      credentials: typeof credentials;
      record: false;
      onPush: (push: ReceivedPush) => void;
    }) => Promise<Gateway>,
    textOf: (push: ReceivedPush) => string = ({ rawBody }) => rawBody.toString(),
  ): Promise<Gateway> => {
    const lately = new LatelyTaken(ledger);
    const onPush = (push: ReceivedPush): void => {
      const body = textOf(push);
      const text = isWithoutContent(body) ? null : reveal(body, push.token);
      ledger.received(text, push.token);
      if (text !== null) lately.add(text, push.token);
    };
    const gateway = await open({ credentials, record: false, onPush });
    all.push({
      stopListening: async () => {
        lately.answersMayBeLost();
        await gateway.stopListening();
      },
      listenAgain: () => gateway.listenAgain(),
    });
    return gateway;
  };
  const apns = await start(startApnsGateway);
  const fcm = await start(startFcmGateway);
  const huawei = await start(startHuaweiGateway);
  // Its phones open what arrives themselves.
  const newHost = () => start(startWebPushGateway, ({ body }) => JSON.stringify(body));
  const webpush = await newHost();
  const hosts = [webpush];
  while (hosts.length < pushHosts) hosts.push(await newHost());
  const files = writeCredentials(folder, credentials, fcm.tokenUri);
  let endpoints = 0;
  return {
    all,
    pushHosts: hosts,
    environment: {
      ...gatewayEnvironment(files, { apns, fcm, huawei, webpush }),
      WEBPUSH_ALLOWED_HOSTS: hosts.map(({ url }) => new URL(url).host).join(','),
    },
    newEndpoint: () => {
      const host = hosts[endpoints++ % hosts.length] ?? webpush;
      return host.subscribe(credentials.vapidKey.applicationServerKey);
    },
    close: async () => {
      await Promise.all([apns, fcm, huawei, ...hosts].map((gateway) => gateway.close()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
