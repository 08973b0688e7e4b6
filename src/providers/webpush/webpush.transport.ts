import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { type WebPushConfig } from '../../config/app-config.js';
import { CredentialFile } from '../../common/start/credential-file.js';
import { readAuthorities } from '../../common/start/trusted-authorities.js';
import { DIRECTLY, type Outgoing } from '../../outgoing/outgoing.js';
import { hasContent, type PushContent, withoutContent } from '../push-content.js';
import {
  type DeliveryResult,
  type Push,
  type PushTarget,
  PushTransport,
  type ServerReport,
} from '../push-transport.js';
import { AddressGuard } from './address-guard.js';
import { AllowedHosts, type Endpoint, mayBeReached, readEndpoint } from './endpoint.js';
import { type HostTimes, postTo } from './host-exchange.js';
import { MinuteShare } from './minute-share.js';
import { type PhoneKeys, unpackKeys } from './phone-keys.protocol.js';
import { type HostTuning, PushHost } from './push-host.js';
import { readVapidKey, type VapidKey } from './vapid-key.js';
import { VapidTokens } from './vapid-tokens.js';
import {
  readWebPushAnswer,
  topicOf,
  webPushFits,
  webPushHeaders,
  webPushPlaintext,
  type WebPushVerdict,
} from './webpush.protocol.js';

export interface WebPushTransportOptions extends HostTimes, HostTuning {
  /** Who knows strangers' names; the system's unless given. */
  dnsServers?: readonly string[];
  /** How connections are made. */
  outgoing: Outgoing;
}

const DEFAULTS: WebPushTransportOptions = {
  connectTimeoutMs: 5000,
  requestTimeoutMs: 10_000,
  pauseMs: 5000,
  longestPauseMs: 10 * 60_000,
  outgoing: DIRECTLY,
};

/** Of the time for a connection, names and the proxy may take so much; the rest is for TLS. */
const TUNNEL_SHARE = 0.8;

const MAX_IN_FLIGHT = 512;
/** Of these, for servers that are slow or have taken no push yet: they never take the room of the others. */
const MAX_SLOW = MAX_IN_FLIGHT / 2;

/** Servers that are remembered, each with few idle connections; the longest unused one goes first. */
const MAX_HOSTS = 2000;

/** What an account may have sent to in a minute, of servers that have not taken a push lately. */
const ENDPOINTS_PER_ACCOUNT = 30;
const ENDPOINTS_PER_ACCOUNT_AND_HOST = 10;
/** New connections to one address in a minute, likewise. */
const CONNECTIONS_PER_ADDRESS = 60;
const MAX_ACCOUNTS = 5000;
const MAX_ADDRESSES = 5000;

/** Until there is room again, or the minute is over. */
const BUSY_MS = 2000;
const SHARE_MS = 60_000;

/** 404 of a server that has not taken anything lately: perhaps only what stands before it answers. */
const UNPROVEN_404_MS = 10 * 60_000;

/** Fewer devices than this may be one person's. */
const NAMED_FROM_DEVICES = 5;
const NAMED_HOSTS = 10;

type WebPushLibrary = typeof import('web-push');

/**
 * Web Push (RFC 8030), which UnifiedPush servers speak too: one request for each device, to the server that it chose.
 *
 * A failure counts for the server or for the device, never for the provider as a whole: strangers decide what their servers
 * answer, and other devices have other servers.
 */
export class WebPushTransport extends PushTransport {
  readonly provider = 'webpush';
  readonly maxTargets = 1;
  readonly maxInFlight = MAX_IN_FLIGHT;

  private readonly allowed: AllowedHosts;
  private readonly guard: AddressGuard;
  private readonly hosts = new LRUCache<string, PushHost>({ max: MAX_HOSTS, dispose: (host) => host.retire() });
  private readonly accounts = new MinuteShare(ENDPOINTS_PER_ACCOUNT, MAX_ACCOUNTS);
  private readonly accountsByHost = new MinuteShare(ENDPOINTS_PER_ACCOUNT_AND_HOST, MAX_ACCOUNTS);
  private readonly addresses = new MinuteShare(CONNECTIONS_PER_ADDRESS, MAX_ADDRESSES);
  private readonly tokens: VapidTokens;
  private readonly inFlight = new Set<Promise<DeliveryResult>>();
  private slow = 0;
  private connections = 0;
  private closed = false;

  private constructor(
    private readonly config: WebPushConfig,
    private readonly options: WebPushTransportOptions,
    private readonly library: WebPushLibrary,
    private readonly key: VapidKey,
    private authorities: string | undefined,
  ) {
    super();
    this.allowed = new AllowedHosts(config.allowedHosts);
    this.guard = new AddressGuard(this.allowed, options.dnsServers);
    this.tokens = new VapidTokens(key, config.subject, (origin, subject, { publicKey, privateKey }, expires) => {
      const headers = library.getVapidHeaders(origin, subject, publicKey, privateKey, 'aes128gcm', expires);
      return headers.Authorization;
    });
  }

  /** Reads the key. Rejects with a `CredentialError`. */
  static async open(config: WebPushConfig, options: Partial<WebPushTransportOptions> = {}): Promise<WebPushTransport> {
    const key = readVapidKey(config.keyFile);
    const authorities = readAuthorities(config.caFile, 'WEBPUSH_CA_FILE');
    const { default: library } = await import('web-push');
    return new WebPushTransport(config, { ...DEFAULTS, ...options }, library, key, authorities);
  }

  send(push: Push): Promise<DeliveryResult[]> {
    return Promise.all(
      push.targets.map((target) => {
        const sending = this.sendTo(target, push).finally(() => this.inFlight.delete(sending));
        this.inFlight.add(sending);
        return sending;
      }),
    );
  }

  /** Endpoints are bound to the key that phones were told. A changed key counts only from a restart on, with new subscriptions. */
  async reloadCredentials(): Promise<void> {
    const { publicKey } = readVapidKey(this.config.keyFile);
    if (publicKey !== this.key.publicKey) {
      const file = new CredentialFile('VAPID_KEY_FILE', this.config.keyFile);
      throw file.error('holds another key, which phones do not know: put the old one back');
    }
    const authorities = readAuthorities(this.config.caFile, 'WEBPUSH_CA_FILE');
    if (authorities === this.authorities) return;
    this.authorities = authorities;
    this.hosts.clear();
  }

  credentialExpiresAt(): null {
    return null;
  }

  override servers(): ServerReport {
    const proven = [...this.hosts.values()].filter(({ hasAccepted }) => hasAccepted);
    const failing = [...this.hosts.values()].filter((host) => host.failing !== null);
    const named = failing.filter(({ deviceCount }) => deviceCount >= NAMED_FROM_DEVICES);
    return {
      known: this.hosts.size,
      failing: failing.length,
      proven: proven.length,
      provenFailing: proven.filter((host) => host.failing !== null).length,
      largestFailing: named
        .toSorted((one, other) => other.deviceCount - one.deviceCount)
        .slice(0, NAMED_HOSTS)
        .map(({ name, deviceCount, failing: trouble }) => ({
          host: name,
          devices: deviceCount,
          reason: trouble?.reason ?? '',
        })),
    };
  }

  async close(): Promise<void> {
    this.closed = true;
    await Promise.all(this.inFlight);
    this.hosts.clear();
    this.guard.close();
  }

  private async sendTo({ token, serviceInfo }: PushTarget, push: Push): Promise<DeliveryResult> {
    if (this.closed) return later('Closed', BUSY_MS);
    const endpoint = readEndpoint(token);
    // It was allowed when the phone subscribed.
    if (!endpoint || !mayBeReached(endpoint, this.allowed)) return { outcome: 'refused', reason: 'EndpointNotAllowed' };
    const keys = serviceInfo === undefined ? null : unpackKeys(Buffer.from(serviceInfo, 'base64url'));
    if (!keys) return { outcome: 'refused', reason: 'NoKeys' };

    const now = performance.now();
    const host = this.hostOf(endpoint);
    const held = this.holdsBack(host, endpoint, push.recipient, now);
    if (held) return held;
    const pass = host.tryPass(now);
    if (typeof pass === 'number') return later('ServerPaused', pass);
    const isSlow = !host.isQuick(now);
    if (isSlow) this.slow++;
    host.began(digestOf(endpoint.url), now);
    try {
      return await this.deliver(host, endpoint, keys, push);
    } finally {
      if (isSlow) this.slow--;
      host.ended();
    }
  }

  private hostOf(endpoint: Endpoint): PushHost {
    const known = this.hosts.get(endpoint.host);
    if (known) return known;
    const mayConnect = (address: string): boolean => {
      const now = performance.now();
      return host.isProven(now) || this.addresses.take(address, String(this.connections++), now);
    };
    const host: PushHost = new PushHost(endpoint.host, this.options, {
      ca: this.authorities,
      lookup: this.guard.lookupFor(endpoint, mayConnect),
      outgoing: this.options.outgoing,
      tunnelTimeoutMs: this.options.connectTimeoutMs * TUNNEL_SHARE,
      addressesOf: () => this.guard.addressesFor(endpoint, mayConnect),
    });
    this.hosts.set(endpoint.host, host);
    return host;
  }

  /** What the bulkheads and shares say; null = nothing. */
  private holdsBack(
    host: PushHost,
    { url, host: name }: Endpoint,
    account: string | undefined,
    now: number,
  ): DeliveryResult | null {
    if (host.isFull(now) || (!host.isQuick(now) && this.slow >= MAX_SLOW)) return later('ServerBusy', BUSY_MS);
    if (account === undefined || host.isProven(now)) return null;
    const device = String(digestOf(url));
    const mayGo =
      this.accountsByHost.take(`${account} ${name}`, device, now) && this.accounts.take(account, device, now);
    return mayGo ? null : later('AccountShare', SHARE_MS);
  }

  private async deliver(host: PushHost, endpoint: Endpoint, keys: PhoneKeys, push: Push): Promise<DeliveryResult> {
    const { content } = push;
    const isWhole = hasContent(content) && webPushFits(webPushPlaintext(content));
    const first = await this.exchange(host, endpoint, keys, push, isWhole ? content : withoutContent(content));
    if (first.kind !== 'too-large' || !isWhole) return toResult(first, !isWhole);
    return toResult(await this.exchange(host, endpoint, keys, push, withoutContent(content)), true);
  }

  /** One request; the host hears how it ended. */
  private async exchange(
    host: PushHost,
    endpoint: Endpoint,
    keys: PhoneKeys,
    push: Push,
    content: PushContent,
  ): Promise<Exclude<WebPushVerdict, { kind: 'unknown-endpoint' }>> {
    const body = this.encrypt(keys, webPushPlaintext(content));
    if (body === null) {
      host.undecided();
      return { kind: 'of-endpoint', result: { outcome: 'refused', reason: 'BadKeys' } };
    }
    const headers = webPushHeaders({
      topic: topicOf(push.notificationId, endpoint.url),
      urgency: push.urgency,
      ttlMs: push.expiresAt - Date.now(),
      authorization: this.tokens.authorizationFor(endpoint.origin, Date.now()),
      bodyBytes: body.length,
    });
    const start = performance.now();
    const answer = await postTo(endpoint, headers, body, host.agent, this.guard, this.options);
    const now = performance.now();
    if (answer.kind !== 'answer') {
      // How busy an address is is our own count.
      if (answer.reason === 'AddressBusy') host.undecided();
      else host.unreachable(answer, now);
      return { kind: 'of-host', reason: answer.reason };
    }
    const verdict = readWebPushAnswer(answer.status, answer.headers, Date.now());
    switch (verdict.kind) {
      case 'accepted':
        host.accepted(now - start, now);
        return verdict;
      case 'of-host':
        host.outOfOrder(verdict.reason, now, verdict.retryAfterMs);
        return verdict;
      case 'unknown-endpoint': {
        // It is no more when the server is in order, which shows in what it takes for others.
        const result: DeliveryResult = host.isProven(now)
          ? { outcome: 'token-gone', reason: verdict.reason }
          : later(verdict.reason, UNPROVEN_404_MS);
        host.answered();
        return { kind: 'of-endpoint', result };
      }
      case 'too-large':
      case 'of-endpoint':
        host.answered();
        return verdict;
    }
  }

  /** Null = these are no keys. */
  private encrypt({ p256dh, auth }: PhoneKeys, plaintext: string): Buffer | null {
    try {
      const [key, secret] = [p256dh.toString('base64url'), auth.toString('base64url')];
      return this.library.encrypt(key, secret, plaintext, 'aes128gcm').cipherText;
    } catch {
      return null;
    }
  }
}

function toResult(
  verdict: Exclude<WebPushVerdict, { kind: 'unknown-endpoint' }>,
  contentLeftOut: boolean,
): DeliveryResult {
  switch (verdict.kind) {
    case 'accepted':
      return { outcome: 'delivered', contentLeftOut };
    case 'too-large':
      return { outcome: 'refused', reason: 'Http413' };
    case 'of-endpoint':
      return verdict.result;
    case 'of-host':
      return later(verdict.reason, verdict.retryAfterMs);
  }
}

function later(reason: string, retryAfterMs?: number): DeliveryResult {
  return { outcome: 'retry', cause: 'host-down', reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

/** Tells endpoints apart in memory, without keeping them. */
const digestOf = (url: string): number => createHash('sha256').update(url).digest().readUIntBE(0, 6);
