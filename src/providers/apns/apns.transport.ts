import { type ApnsConfig } from '../../config/app-config.js';
import { type ApnsCredentials, readApnsCredentials, requireUnexpired } from './apns-credentials.js';
import {
  apnsHeaders,
  apnsId,
  apnsPayload,
  apnsPayloadFits,
  type ApnsVerdict,
  isApnsToken,
  readApnsAnswer,
} from './apns.protocol.js';
import { type Http2Answer } from '../http/http2-answer.js';
import { Http2Channel } from '../http/http2-channel.js';
import {
  type ApnsEnvironment,
  type DeliveryResult,
  type Push,
  type PushTarget,
  PushTransport,
} from '../push-transport.js';
import { hasContent, type PushContent, withoutContent } from '../push-content.js';
import { failureOfSend } from '../http/send-failure.js';
import { readAuthorities } from '../../common/start/trusted-authorities.js';
import { DIRECTLY, type Outgoing } from '../../outgoing/outgoing.js';

export interface ApnsTransportOptions {
  requestTimeoutMs: number;
  connectTimeoutMs: number;
  /** How connections are made. */
  outgoing: Outgoing;
  /** Apple keeps idle connections for hours; what stands between us and Apple may not. */
  idlePingMs: number;
  /** UTC epoch milliseconds. */
  now: () => number;
}

const DEFAULTS: ApnsTransportOptions = {
  requestTimeoutMs: 10_000,
  connectTimeoutMs: 10_000,
  outgoing: DIRECTLY,
  idlePingMs: 15 * 60_000,
  now: () => Date.now(),
};

/** What Apple's SETTINGS allow at most. */
const MAX_STREAMS = 1000;
/** A connection to a server that answers 5xx is replaced, but not by every such answer. */
const RENEW_INTERVAL_MS = 10_000;

interface Session {
  credentials: ApnsCredentials;
  authorities: string | undefined;
}

/** A 413 and a JWT's end are dealt with inside an attempt. */
type Attempt =
  { kind: 'accepted'; contentLeftOut: boolean } | { kind: 'bad-token' } | { kind: 'result'; result: DeliveryResult };

/**
 * APNs, one request per device, over one HTTP/2 connection to each environment in use. The library `@parse/node-apn`
 * reads .p12 files and signs JWTs; docs/decisions/0002-own-http2-client.md says why it does not send.
 */
export class ApnsTransport extends PushTransport {
  readonly provider = 'apns';
  readonly maxTargets = 1;
  readonly maxInFlight = 500;

  private readonly channels: Readonly<Record<ApnsEnvironment, Http2Channel>>;
  private readonly renewedAt: Record<ApnsEnvironment, number> = { production: -Infinity, sandbox: -Infinity };

  private constructor(
    private readonly config: ApnsConfig,
    private readonly options: ApnsTransportOptions,
    private session: Session,
  ) {
    super();
    this.channels = {
      production: this.channelTo(config.productionUrl),
      sandbox: this.channelTo(config.sandboxUrl),
    };
  }

  /** Reads the credential; connections are made when there is something to send. Rejects with a `CredentialError`. */
  static async open(config: ApnsConfig, options: Partial<ApnsTransportOptions> = {}): Promise<ApnsTransport> {
    const complete = { ...DEFAULTS, ...options };
    return new ApnsTransport(config, complete, await readSession(config, complete.now));
  }

  send(push: Push): Promise<DeliveryResult[]> {
    return Promise.all(push.targets.map((target) => this.sendTo(target, push)));
  }

  async reloadCredentials(): Promise<void> {
    const next = await readSession(this.config, this.options.now);
    requireUnexpired(next.credentials, this.config.auth, this.options.now());
    const { credentials, authorities } = this.session;
    const sameCredentials = next.credentials.fingerprint === credentials.fingerprint;
    if (sameCredentials && next.authorities === authorities) return;
    // The same key goes on with its JWT: Apple refuses a second one within 20 minutes.
    this.session = sameCredentials ? { ...next, credentials } : next;
    // Also with a JWT: APNs takes those of one key only on a connection.
    this.channels.production.renew();
    this.channels.sandbox.renew();
  }

  credentialExpiresAt(): number | null {
    return this.session.credentials.expiresAt;
  }

  async close(): Promise<void> {
    await Promise.all([this.channels.production.close(), this.channels.sandbox.close()]);
  }

  private channelTo(url: string): Http2Channel {
    return new Http2Channel({
      origin: new URL(url).origin,
      tls: () => ({ ...this.session.credentials.tls, ca: this.session.authorities }),
      requestTimeoutMs: this.options.requestTimeoutMs,
      connectTimeoutMs: this.options.connectTimeoutMs,
      outgoing: this.options.outgoing,
      idlePingMs: this.options.idlePingMs,
      maxConcurrentStreams: MAX_STREAMS,
    });
  }

  private async sendTo(target: PushTarget, push: Push): Promise<DeliveryResult> {
    if (!isApnsToken(target.token)) return { outcome: 'refused', reason: 'MalformedToken' };
    const { expiresAt } = this.session.credentials;
    // Apple ends the handshake, which would look like a network that is down.
    if (expiresAt !== null && expiresAt <= this.options.now()) {
      return { outcome: 'retry', cause: 'credential', reason: 'CertificateExpired' };
    }
    try {
      const [first, second] = this.environmentsFor(target, push.content);
      const attempt = await this.attempt(first, target.token, push);
      if (attempt.kind !== 'bad-token' || second === undefined) return this.toResult(attempt, first);
      return this.toResult(await this.attempt(second, target.token, push), second);
    } catch (error) {
      return failureOfSend(error);
    }
  }

  /** Where the token may be at home, the likelier place first. Who subscribes says where it is. */
  private environmentsFor({ apnsEnvironment }: PushTarget, content: PushContent): [ApnsEnvironment, ApnsEnvironment?] {
    if (content.kind === 'sealed') return [apnsEnvironment ?? 'production'];
    if (this.config.environment !== 'both') return [this.config.environment];
    return apnsEnvironment === 'sandbox' ? ['sandbox', 'production'] : ['production', 'sandbox'];
  }

  private toResult(attempt: Attempt, environment: ApnsEnvironment): DeliveryResult {
    switch (attempt.kind) {
      case 'accepted':
        return {
          outcome: 'delivered',
          contentLeftOut: attempt.contentLeftOut,
          ...(this.config.environment === 'both' ? { apnsEnvironment: environment } : {}),
        };
      case 'bad-token':
        return { outcome: 'token-gone', reason: 'BadDeviceToken' };
      case 'result':
        return attempt.result;
    }
  }

  private async attempt(environment: ApnsEnvironment, token: string, push: Push): Promise<Attempt> {
    const payload = apnsPayload(push.content);
    const bare = apnsPayload(withoutContent(push.content));
    const isWhole = hasContent(push.content) && apnsPayloadFits(payload);
    const verdict = await this.request(environment, token, push, isWhole ? payload : bare);
    if (verdict.kind !== 'too-large' || !isWhole) return finish(verdict, !isWhole);
    return finish(await this.request(environment, token, push, bare), true);
  }

  /** One request; a second one when APNs finds the JWT expired and there is a newer one. */
  private async request(
    environment: ApnsEnvironment,
    token: string,
    push: Push,
    payload: string,
  ): Promise<ApnsVerdict> {
    const providerToken = this.session.credentials.token;
    const jwt = providerToken?.current() ?? null;
    const verdict = await this.exchange(environment, token, push, payload, jwt);
    if (verdict.kind !== 'jwt-expired' || providerToken === null || jwt === null) return verdict;
    if (!providerToken.replace(jwt)) return verdict;
    return this.exchange(environment, token, push, payload, providerToken.current());
  }

  private async exchange(
    environment: ApnsEnvironment,
    token: string,
    push: Push,
    payload: string,
    jwt: string | null,
  ): Promise<ApnsVerdict> {
    const id = apnsId(push.notificationId, token);
    const headers = apnsHeaders({ token, topic: this.config.topic, id, expiresAt: push.expiresAt, jwt });
    const answer = await this.channels[environment].request(headers, payload);
    this.leaveFailingServer(environment, answer);
    return readApnsAnswer(answer, this.options.now());
  }

  /** The next connection may lead to another of Apple's servers. */
  private leaveFailingServer(environment: ApnsEnvironment, { status }: Http2Answer): void {
    const now = performance.now();
    if (status < 500 || now - this.renewedAt[environment] < RENEW_INTERVAL_MS) return;
    this.renewedAt[environment] = now;
    this.channels[environment].renew();
  }
}

function finish(verdict: ApnsVerdict, contentLeftOut: boolean): Attempt {
  switch (verdict.kind) {
    case 'accepted':
      return { kind: 'accepted', contentLeftOut };
    case 'bad-token':
      return { kind: 'bad-token' };
    case 'too-large':
      return { kind: 'result', result: { outcome: 'refused', reason: 'PayloadTooLarge' } };
    case 'jwt-expired':
      return { kind: 'result', result: { outcome: 'retry', cause: 'credential', reason: 'ExpiredProviderToken' } };
    case 'result':
      return verdict;
  }
}

async function readSession(config: ApnsConfig, now: () => number): Promise<Session> {
  const authorities = readAuthorities(config.caFile, 'APNS_CA_FILE');
  return { credentials: await readApnsCredentials(config.auth, now), authorities };
}
