import { legacyContent } from '../push-content.js';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { apnsError, APNS_REASONS } from '../../../gateways/apns.answers.js';
import { type ApnsGateway, startApnsGateway } from '../../../gateways/apns.gateway.js';
import {
  type CredentialFiles,
  type Credentials,
  makeApnsTokenKey,
  makeCredentials,
  writeCredentials,
} from '../../../gateways/certificates.js';
import { malformedJson } from '../../../gateways/faults.js';
import { type ApnsConfig } from '../../config/app-config.js';
import { ApnsTransport, type ApnsTransportOptions } from './apns.transport.js';
import { type ApnsEnvironment, type DeliveryResult } from '../push-transport.js';

const TOKEN = 'ab'.repeat(32);
const CONTENT = 'aGVsbG8=';
const MINUTE = 60_000;

let credentials: Credentials;
let files: CredentialFiles;
let production: ApnsGateway;
let sandbox: ApnsGateway;
const dir = mkdtempSync(join(tmpdir(), 'apns-transport-'));
const transports: ApnsTransport[] = [];

beforeAll(async () => {
  credentials = await makeCredentials();
  files = writeCredentials(dir, credentials, 'https://localhost:1/token');
  [production, sandbox] = await Promise.all([startApnsGateway({ credentials }), startApnsGateway({ credentials })]);
});
afterEach(async () => {
  await Promise.all(transports.splice(0).map((transport) => transport.close()));
  await Promise.all([production.reset(), sandbox.reset()]);
});
afterAll(async () => {
  await Promise.all([production.close(), sandbox.close()]);
  rmSync(dir, { recursive: true });
});

const tokenAuth = () =>
  ({ kind: 'token', keyFile: files.apnsTokenKeyFile, keyId: files.keyId, teamId: files.teamId }) as const;
const certificateAuth = () =>
  ({ kind: 'certificate', certFile: files.apnsCertFile, keyFile: files.apnsCertKeyFile, passphrase: null }) as const;

async function open(changes: Partial<ApnsConfig> = {}, options: Partial<ApnsTransportOptions> = {}) {
  const config: ApnsConfig = {
    auth: tokenAuth(),
    topic: 'com.loki-project.loki-messenger',
    environment: 'production',
    productionUrl: production.url,
    sandboxUrl: sandbox.url,
    caFile: files.caFile,
    ...changes,
  };
  const transport = await ApnsTransport.open(config, { requestTimeoutMs: 2_000, ...options });
  transports.push(transport);
  return transport;
}

interface PushChanges {
  token?: string;
  data?: string | null;
  apnsEnvironment?: ApnsEnvironment;
  notificationId?: string;
}

async function send(transport: ApnsTransport, changes: PushChanges = {}): Promise<DeliveryResult> {
  const { token = TOKEN, data = CONTENT, apnsEnvironment = null, notificationId = randomUUID() } = changes;
  const target = { token, registeredAt: 1, apnsEnvironment };
  const results = await transport.send({
    notificationId,
    content: legacyContent(data),
    urgency: 'high',
    expiresAt: 1_900_000_000_500,
    targets: [target],
  });
  expect(results).toHaveLength(1);
  return results[0] as DeliveryResult;
}

const delivered = (more = {}) => ({ outcome: 'delivered', contentLeftOut: false, ...more });
const retry = (cause: string, reason: string, more = {}) => ({ outcome: 'retry', cause, reason, ...more });

describe('a push to APNs', () => {
  it.each([
    ['a certificate', certificateAuth],
    ['a token key', tokenAuth],
  ])('arrives as the apps expect it, with %s', async (_what, auth) => {
    const notificationId = randomUUID();
    expect(await send(await open({ auth: auth() }), { notificationId })).toEqual(delivered());
    const [push] = production.received;
    expect(push?.token).toBe(TOKEN);
    expect(push?.rawBody.toString()).toBe(
      '{"aps":{"alert":{"title":"Session","body":"You\'ve got a new message"},"badge":1,"sound":"default",' +
        '"mutable-content":1,"category":"SECRET"},"ENCRYPTED_DATA":"aGVsbG8=","remote":1}',
    );
    expect(push?.headers).toMatchObject({
      'apns-topic': 'com.loki-project.loki-messenger',
      'apns-push-type': 'alert',
      'apns-priority': '10',
      'apns-expiration': '1900000000',
      'apns-collapse-id': push?.apnsId,
    });
  });

  it('has the same apns-id in every attempt, also of another process', async () => {
    const notificationId = randomUUID();
    await send(await open(), { notificationId });
    await send(await open(), { notificationId });
    await send(await open(), { notificationId, token: 'cd'.repeat(32) });
    const [first, second, other] = production.received.map(({ apnsId }) => apnsId);
    expect(second).toBe(first);
    expect(other).not.toBe(first);
  });

  it('without content wakes the phone', async () => {
    expect(await send(await open(), { data: null })).toEqual(delivered({ contentLeftOut: true }));
    expect(production.received[0]?.body).not.toHaveProperty('ENCRYPTED_DATA');
  });

  it('is not sent to a token that is not hexadecimal', async () => {
    expect(await send(await open(), { token: '../../x' })).toEqual({ outcome: 'refused', reason: 'MalformedToken' });
    expect(production.counts.requests).toBe(0);
  });
});

describe('content that is too large', () => {
  it('is left out before it is sent', async () => {
    const transport = await open();
    expect(await send(transport, { data: 'A'.repeat(3926) })).toEqual(delivered());
    expect(await send(transport, { data: 'A'.repeat(3927) })).toEqual(delivered({ contentLeftOut: true }));
    expect(production.received.map(({ rawBody }) => rawBody.length)).toEqual([4096, 150]);
  });

  it('is left out when APNs finds it too large, and only once', async () => {
    const transport = await open();
    production.faults.next(1, { kind: 'answer', answer: apnsError('PayloadTooLarge') });
    expect(await send(transport)).toEqual(delivered({ contentLeftOut: true }));
    production.faults.next(2, { kind: 'answer', answer: apnsError('PayloadTooLarge') });
    expect(await send(transport)).toEqual({ outcome: 'refused', reason: 'PayloadTooLarge' });
    production.faults.next(1, { kind: 'answer', answer: apnsError('PayloadTooLarge') });
    expect(await send(transport, { data: null })).toEqual({ outcome: 'refused', reason: 'PayloadTooLarge' });
  });
});

describe('a refusal', () => {
  it('of a dead token carries the time of its death', async () => {
    production.mark(TOKEN, 'dead', { since: 1_700_000_000_123 });
    const result = { outcome: 'token-gone', reason: 'Unregistered', goneSince: 1_700_000_000_123 };
    expect(await send(await open())).toEqual(result);
  });

  it('of a throttled device carries Retry-After', async () => {
    production.mark(TOKEN, 'throttled', { retryAfterSeconds: 7 });
    expect(await send(await open())).toEqual(retry('device-throttled', 'TooManyRequests', { retryAfterMs: 7_000 }));
  });

  it('of the topic is not the token’s fault', async () => {
    expect(await send(await open({ topic: 'org.example.mistyped' }))).toEqual(
      retry('wrong-address', 'TopicDisallowed'),
    );
    expect(await send(await open({ topic: 'no topic' }))).toEqual(retry('configuration', 'BadTopic'));
  });

  it('of our credential is not the token’s fault', async () => {
    const transport = await open();
    production.revokeTokenKey(files.keyId);
    expect(await send(transport)).toEqual(retry('credential', 'InvalidProviderToken'));
  });

  it('never removes a token except for the reasons that mean dead', async () => {
    const transport = await open();
    for (const reason of APNS_REASONS) {
      production.faults.next(2, { kind: 'answer', answer: apnsError(reason, { timestamp: 5 }) });
      const { outcome } = await send(transport);
      const dead = ['Unregistered', 'ExpiredToken', 'BadDeviceToken'].includes(reason);
      expect([reason, outcome === 'token-gone']).toEqual([reason, dead]);
      production.faults.clear();
    }
  });

  it('that cannot be read is kept and retried', async () => {
    const transport = await open();
    production.faults.next(1, { kind: 'answer', answer: malformedJson(400) });
    expect(await send(transport)).toEqual(retry('outcome-unknown', 'Unknown:400'));
  });

  it('with 5xx moves to another connection, and not with every answer', async () => {
    const transport = await open();
    production.faults.next(3, { kind: 'answer', answer: apnsError('InternalServerError') });
    for (let i = 0; i < 3; i++) expect(await send(transport)).toEqual(retry('provider-down', 'InternalServerError'));
    expect(await send(transport)).toEqual(delivered());
    expect(production.counts.connections).toBe(2);
  });
});

describe('without an answer', () => {
  it.each([
    ['refused', { kind: 'reset', code: 'REFUSED_STREAM' }, retry('not-processed', 'RefusedStream')],
    ['reset', { kind: 'reset', code: 'INTERNAL_ERROR', accepted: true }, retry('outcome-unknown', 'StreamReset')],
    ['stalled', { kind: 'stall', accepted: true }, retry('outcome-unknown', 'Timeout')],
    ['cut off', { kind: 'destroy', accepted: true }, retry('outcome-unknown', 'ConnectionLost')],
  ] as const)('a push that is %s may succeed later', async (_how, fault, result) => {
    const transport = await open({}, { requestTimeoutMs: 300 });
    await send(transport);
    production.faults.next(1, fault);
    expect(await send(transport)).toEqual(result);
    expect(await send(transport)).toEqual(delivered());
  });

  it('a push left unprocessed by GOAWAY is safe to send again, and one in flight is answered', async () => {
    const transport = await open();
    await send(transport);
    production.faults.next(1, { kind: 'goaway' });
    expect(await send(transport)).toEqual(delivered());
    await send(transport);
    production.faults.next(1, { kind: 'goaway', unprocessed: true });
    expect(await send(transport)).toMatchObject({ outcome: 'retry', cause: 'not-processed' });
    expect(await send(transport)).toEqual(delivered());
  });

  it('a push to a gateway that is away or not itself is retried', async () => {
    await production.stopListening();
    const transport = await open();
    expect(await send(transport)).toEqual(retry('provider-down', 'ConnectFailed'));
    await production.listenAgain();
    await expect.poll(() => send(transport)).toEqual(delivered());
    await production.serveCertificate('other-host');
    expect(await send(await open())).toEqual(retry('provider-down', 'TlsFailed'));
  });

  it('a mistake of ours is a result too', async () => {
    expect(await send(await open(), { notificationId: 'not a UUID' })).toMatchObject({ outcome: 'retry' });
  });
});

describe('both environments', () => {
  it('tries production first when it does not know, and tells which took it', async () => {
    const transport = await open({ environment: 'both' });
    expect(await send(transport)).toEqual(delivered({ apnsEnvironment: 'production' }));
    expect(sandbox.counts.requests).toBe(0);
  });

  it('tries the other one once for a token that the first calls bad', async () => {
    production.mark(TOKEN, 'other-environment');
    const transport = await open({ environment: 'both' });
    expect(await send(transport)).toEqual(delivered({ apnsEnvironment: 'sandbox' }));
    expect(await send(transport, { apnsEnvironment: 'sandbox' })).toEqual(delivered({ apnsEnvironment: 'sandbox' }));
    expect([production.counts.requests, sandbox.counts.requests]).toEqual([1, 2]);
  });

  it('finds a token that moved from sandbox to production', async () => {
    sandbox.mark(TOKEN, 'other-environment');
    const transport = await open({ environment: 'both' });
    expect(await send(transport, { apnsEnvironment: 'sandbox' })).toEqual(delivered({ apnsEnvironment: 'production' }));
  });

  it('calls a token gone only when both call it bad', async () => {
    production.mark(TOKEN, 'other-environment');
    sandbox.mark(TOKEN, 'other-environment');
    const gone = { outcome: 'token-gone', reason: 'BadDeviceToken' };
    expect(await send(await open({ environment: 'both' }))).toEqual(gone);
    await sandbox.stopListening();
    expect(await send(await open({ environment: 'both' }))).toEqual(retry('provider-down', 'ConnectFailed'));
    await sandbox.listenAgain();
  });

  it('keeps to the one environment that is configured', async () => {
    sandbox.mark(TOKEN, 'other-environment');
    const transport = await open({ environment: 'sandbox' });
    const gone = { outcome: 'token-gone', reason: 'BadDeviceToken' };
    expect(await send(transport, { apnsEnvironment: 'production' })).toEqual(gone);
    expect(await send(transport, { token: 'cd'.repeat(32) })).toEqual(delivered());
    expect(production.counts.requests).toBe(0);
  });
});

describe('the JWT', () => {
  it('is one for all requests at the same time', async () => {
    const transport = await open();
    await Promise.all(Array.from({ length: 40 }, () => send(transport)));
    expect(production.credentialsSeen.size).toBe(1);
  });

  it('is minted anew once when APNs calls it expired, and the pushes go out again at once', async () => {
    let offset = 0;
    const transport = await open({}, { now: () => Date.now() + offset });
    await send(transport);
    offset = 30 * MINUTE;
    production.faults.next(10, { kind: 'answer', answer: apnsError('ExpiredProviderToken'), delayMs: 20 });
    // The library stamps a JWT with whole seconds; a second one within the same would be the same text but for its signature.
    const results = await Promise.all(Array.from({ length: 10 }, () => send(transport)));
    expect(results).toEqual(Array.from({ length: 10 }, () => delivered()));
    const authorizations = new Set(production.requests.map(({ headers }) => headers['authorization']));
    expect(authorizations.size).toBe(2);
  });

  it('is kept when APNs calls it expired within twenty minutes', async () => {
    const transport = await open();
    production.faults.next(1, { kind: 'answer', answer: apnsError('ExpiredProviderToken') });
    expect(await send(transport)).toEqual(retry('credential', 'ExpiredProviderToken'));
    await send(transport);
    expect(new Set(production.requests.map(({ headers }) => headers['authorization'])).size).toBe(1);
  });

  it('is kept when APNs has seen too many of them', async () => {
    production.limitTokenUpdates = true;
    await send(await open());
    const restarted = await open();
    const result = retry('provider-throttled', 'TooManyProviderTokenUpdates', { retryAfterMs: 60_000 });
    expect(await send(restarted)).toEqual(result);
    expect(await send(restarted)).toEqual(result);
    expect(production.credentialsSeen.size).toBe(2);
  });
});

describe('changed credentials', () => {
  it('are used for the next push, over a new connection', async () => {
    const keyFile = join(dir, 'changing.p8');
    writeFileSync(keyFile, credentials.apnsTokenKey.privateKey);
    const transport = await open({ auth: { ...tokenAuth(), keyFile } });
    await send(transport);
    const next = makeApnsTokenKey(files.teamId, files.keyId);
    production.trustTokenKey(next);
    expect(await send(transport)).toEqual(retry('credential', 'InvalidProviderToken'));
    writeFileSync(keyFile, next.privateKey);
    await transport.reloadCredentials();
    expect(await send(transport)).toEqual(delivered());
    expect(production.counts.connections).toBe(2);
  });

  it('that are not usable leave the old ones in use and say what is wrong', async () => {
    const certFile = join(dir, 'changing.pem');
    writeFileSync(certFile, credentials.apnsClient.cert);
    const transport = await open({ auth: { ...certificateAuth(), certFile } });
    const ends = transport.credentialExpiresAt();
    writeFileSync(certFile, (await credentials.authority.issueApnsClient()).cert);
    await expect(transport.reloadCredentials()).rejects.toThrow(/^APNS_CERT_KEY_FILE .*does not belong/);
    expect(transport.credentialExpiresAt()).toBe(ends);
    expect(await send(transport)).toEqual(delivered());
  });

  it('that are the same change nothing: neither the connection nor the JWT', async () => {
    const transport = await open();
    await send(transport);
    await transport.reloadCredentials();
    await send(transport);
    expect([production.counts.connections, production.credentialsSeen.size]).toEqual([1, 1]);
  });

  it('tell when a certificate ends', async () => {
    const ends = (await open({ auth: certificateAuth() })).credentialExpiresAt() ?? 0;
    expect(ends).toBeGreaterThan(Date.now());
    expect((await open()).credentialExpiresAt()).toBeNull();
  });
});
