import { legacyContent } from '../push-content.js';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type CredentialFiles,
  type Credentials,
  makeCredentials,
  makeServiceAccount,
  serviceAccountJson,
  writeCredentials,
} from '../../../gateways/certificates.js';
import { malformedJson } from '../../../gateways/faults.js';
import { fcmErrors, oauthError } from '../../../gateways/fcm.answers.js';
import { type FcmGateway, startFcmGateway } from '../../../gateways/fcm.gateway.js';
import { type FcmConfig } from '../../config/app-config.js';
import { FcmTransport, type FcmTransportOptions } from './fcm.transport.js';
import { type DeliveryResult, type Push } from '../push-transport.js';

const HOUR = 3_600_000;

let credentials: Credentials;
let gateway: FcmGateway;
let dir: string;
let files: CredentialFiles;
let config: FcmConfig;
const opened: FcmTransport[] = [];

beforeAll(async () => {
  credentials = await makeCredentials();
  gateway = await startFcmGateway({ credentials });
  dir = mkdtempSync(join(tmpdir(), 'fcm-'));
});

afterEach(async () => {
  for (const transport of opened.splice(0)) await transport.close();
  await gateway.reset();
});

afterAll(async () => {
  await gateway.close();
  rmSync(dir, { recursive: true });
});

async function open(
  options: Partial<FcmTransportOptions> = {},
  changes: Partial<FcmConfig> = {},
): Promise<FcmTransport> {
  files = writeCredentials(dir, credentials, gateway.tokenUri);
  config = { serviceAccountFile: files.serviceAccountFile, url: gateway.url, caFile: files.caFile, ...changes };
  const transport = await FcmTransport.open(config, options);
  opened.push(transport);
  return transport;
}

function push(fields: Partial<Push> & { token?: string } = {}): Push {
  return {
    notificationId: 'b8a8a2c4-1f5b-4c9c-8f3a-6d2f0a1b2c3d',
    content: legacyContent('c2VjcmV0/+=='),
    urgency: 'high',
    expiresAt: Date.now() + HOUR,
    targets: [{ token: fields.token ?? 'a:token', registeredAt: 0, apnsEnvironment: null }],
    ...fields,
  };
}

async function sendOne(transport: FcmTransport, fields: Parameters<typeof push>[0] = {}): Promise<DeliveryResult> {
  const results = await transport.send(push(fields));
  const [result] = results;
  if (!result || results.length !== 1) throw new Error(`${results.length} results for one device`);
  return result;
}

const delivered = { outcome: 'delivered', contentLeftOut: false };
const withoutContent = { outcome: 'delivered', contentLeftOut: true };

describe('FcmTransport', () => {
  it('sends a data message to each device over one connection with one access token', async () => {
    const transport = await open();
    const results = await Promise.all(
      Array.from({ length: 150 }, (_, i) => sendOne(transport, { token: `token-${i}` })),
    );

    expect(results).toEqual(results.map(() => delivered));
    expect(new Set(gateway.received.map(({ token }) => token)).size).toBe(150);
    expect(new Set(gateway.received.map(({ connectionId }) => connectionId)).size).toBe(1);
    expect(gateway.accessTokens.issuedCount).toBe(1);
    expect(gateway.received[0]?.rawBody.toString()).toMatch(
      /^\{"message":\{"token":"token-\d+","data":\{"ENCRYPTED_DATA":"c2VjcmV0\/\+=="\},"android":\{"priority":"high","ttl":"3(600|599)s"\}\}\}$/,
    );
  });

  it('says what it is', async () => {
    const transport = await open();
    expect(transport).toMatchObject({ provider: 'fcm', maxTargets: 1, maxInFlight: 100 });
    expect(transport.credentialExpiresAt()).toBeNull();
  });

  it('asks nobody for anything before there is something to send', async () => {
    await open();
    expect(gateway.counts.connections).toBe(0);
  });

  describe('what does not fit', () => {
    it('goes out without content, at once when its size is known', async () => {
      expect(await sendOne(await open(), { content: legacyContent('A'.repeat(4083)) })).toEqual(withoutContent);
      expect(gateway.received.map(({ body }) => body.message.data)).toEqual([{ remote: '1' }]);
      expect(gateway.requests.filter(({ path }) => path.endsWith(':send'))).toHaveLength(1);
    });

    it('goes out whole up to the last byte', async () => {
      const data = 'A'.repeat(4082);
      expect(await sendOne(await open(), { content: legacyContent(data) })).toEqual(delivered);
      expect(gateway.received[0]?.body.message.data).toEqual({ ENCRYPTED_DATA: data });
    });

    it('goes out without content when FCM objects to an argument, once', async () => {
      gateway.faults.next(1, { kind: 'answer', answer: fcmErrors.tooBig() });
      expect(await sendOne(await open())).toEqual(withoutContent);
      expect(gateway.received.map(({ body }) => body.message.data)).toEqual([{ remote: '1' }]);
    });

    it('is refused when FCM objects to that, too', async () => {
      gateway.faults.all({ kind: 'answer', answer: fcmErrors.invalidField('message.android', 'Words.') });
      expect(await sendOne(await open())).toEqual({ outcome: 'refused', reason: 'INVALID_ARGUMENT' });
      expect(gateway.counts.outcomes['400 INVALID_ARGUMENT']).toBe(2);
    });

    it('is refused at once when there was no content', async () => {
      gateway.faults.all({ kind: 'answer', answer: fcmErrors.tooBig() });
      expect(await sendOne(await open(), { content: legacyContent(null) })).toEqual({
        outcome: 'refused',
        reason: 'INVALID_ARGUMENT',
      });
      expect(gateway.counts.outcomes['400 INVALID_ARGUMENT']).toBe(1);
    });
  });

  it('wakes the phone without content when there is none', async () => {
    expect(await sendOne(await open(), { content: legacyContent(null) })).toEqual(withoutContent);
    expect(gateway.received[0]?.body.message.data).toEqual({ remote: '1' });
  });

  it('reports dead and foreign tokens and slow ones', async () => {
    const transport = await open();
    gateway.mark('dead', 'dead');
    gateway.mark('malformed', 'malformed');
    gateway.mark('foreign', 'other-sender');
    gateway.mark('slow', 'throttled', { retryAfterSeconds: 7 });
    expect(await sendOne(transport, { token: 'dead' })).toEqual({ outcome: 'token-gone', reason: 'UNREGISTERED' });
    expect(await sendOne(transport, { token: 'malformed' })).toEqual({
      outcome: 'token-gone',
      reason: 'INVALID_ARGUMENT',
    });
    expect(await sendOne(transport, { token: 'foreign' })).toMatchObject({ cause: 'wrong-address' });
    expect(await sendOne(transport, { token: 'slow' })).toMatchObject({ outcome: 'retry', retryAfterMs: 7000 });
    expect(await sendOne(transport)).toEqual(delivered);
  });

  it('keeps the tokens when the project or the address is wrong', async () => {
    const wrongProject = makeServiceAccount('mistyped');
    gateway.trustServiceAccount(wrongProject);
    const serviceAccountFile = join(dir, 'wrong.json');
    writeFileSync(serviceAccountFile, serviceAccountJson(wrongProject, gateway.tokenUri));
    const transport = await open({}, { serviceAccountFile });
    const configuration = { outcome: 'retry', cause: 'configuration' };
    expect(await sendOne(transport)).toEqual({ ...configuration, reason: 'NOT_FOUND' });

    gateway.faults.next(1, { kind: 'answer', answer: { status: 404, headers: { 'content-type': 'text/html' } } });
    expect(await sendOne(transport)).toEqual({ ...configuration, reason: 'Http404' });
    gateway.faults.next(1, { kind: 'answer', answer: fcmErrors.serviceDisabled('p') });
    expect(await sendOne(transport)).toEqual({ ...configuration, reason: 'PERMISSION_DENIED' });
  });

  it('reports what the provider has with itself', async () => {
    const transport = await open();
    gateway.faults.next(1, { kind: 'answer', answer: fcmErrors.unavailable(3) });
    expect(await sendOne(transport)).toEqual({
      outcome: 'retry',
      cause: 'provider-down',
      reason: 'UNAVAILABLE',
      retryAfterMs: 3000,
    });
    gateway.faults.next(1, { kind: 'answer', answer: fcmErrors.unspecified() });
    expect(await sendOne(transport)).toEqual({
      outcome: 'retry',
      cause: 'outcome-unknown',
      reason: 'UNSPECIFIED_ERROR',
    });
    for (const status of [200, 400]) {
      gateway.faults.next(1, { kind: 'answer', answer: malformedJson(status) });
      expect(await sendOne(transport)).toMatchObject({ outcome: 'retry', cause: 'outcome-unknown' });
    }
  });

  describe('access tokens', () => {
    it('are replaced once when they are refused, for all who send', async () => {
      const transport = await open();
      await sendOne(transport);
      gateway.revokeAccessTokens();
      const results = await Promise.all(Array.from({ length: 30 }, () => sendOne(transport)));
      expect(results).toEqual(results.map(() => delivered));
      expect(gateway.accessTokens.issuedCount).toBe(2);
    });

    it('are not asked for again and again when FCM refuses them all', async () => {
      const transport = await open();
      gateway.faults.all({ kind: 'answer', answer: fcmErrors.unauthenticated() });
      for (let i = 0; i < 5; i++) {
        expect(await sendOne(transport)).toEqual({ outcome: 'retry', cause: 'credential', reason: 'UNAUTHENTICATED' });
      }
      expect(gateway.accessTokens.issuedCount).toBe(2);
    });

    it('that are not given make it a matter of the credential, with one question for many pushes', async () => {
      const transport = await open();
      gateway.oauthFaults.all({ kind: 'answer', answer: oauthError('invalid_grant', 'Words.') });
      const results = await Promise.all(Array.from({ length: 30 }, () => sendOne(transport)));
      expect(results).toEqual(results.map(() => ({ outcome: 'retry', cause: 'credential', reason: 'invalid_grant' })));
      expect(gateway.counts.requests).toBe(1);
    });

    it('that cannot be fetched make it the provider’s outage', async () => {
      const transport = await open({ requestTimeoutMs: 100 });
      gateway.oauthFaults.all({ kind: 'stall' });
      expect(await sendOne(transport)).toEqual({ outcome: 'retry', cause: 'provider-down', reason: 'Timeout' });
    });
  });

  describe('the connection', () => {
    it('that does not answer leaves the outcome open, within the deadline', async () => {
      const transport = await open({ requestTimeoutMs: 1000 });
      gateway.faults.next(1, { kind: 'stall' });
      expect(await sendOne(transport)).toEqual({ outcome: 'retry', cause: 'outcome-unknown', reason: 'Timeout' });
    });

    it('that refuses the stream has not seen the push', async () => {
      const transport = await open();
      gateway.faults.next(1, { kind: 'reset', code: 'REFUSED_STREAM' });
      expect(await sendOne(transport)).toMatchObject({ outcome: 'retry', cause: 'not-processed' });
    });

    it('that cannot be made means that the provider is down', async () => {
      const transport = await open();
      await sendOne(transport);
      await gateway.stopListening();
      await sleep(20);
      expect(await sendOne(transport)).toMatchObject({ outcome: 'retry', cause: 'provider-down' });
    });

    it('that is somebody else’s gets neither token nor push', async () => {
      const transport = await open();
      await gateway.serveCertificate('untrusted');
      expect(await sendOne(transport)).toMatchObject({ outcome: 'retry', cause: 'provider-down' });
      expect(gateway.counts.requests).toBe(0);
    });
  });

  describe('a changed service account', () => {
    const write = (account: ReturnType<typeof makeServiceAccount>) =>
      writeFileSync(files.serviceAccountFile, serviceAccountJson(account, gateway.tokenUri));

    it('is used from then on', async () => {
      const transport = await open();
      await sendOne(transport);
      const next = makeServiceAccount(credentials.serviceAccount.projectId);
      gateway.trustServiceAccount(next);
      gateway.revokeAccessTokens();
      write(next);
      await transport.reloadCredentials();
      expect(await sendOne(transport)).toEqual(delivered);
      expect(gateway.credentialsSeen.size).toBe(2);
      expect(gateway.counts.outcomes['401 UNAUTHENTICATED']).toBeUndefined();
    });

    it('that cannot be read is refused, and the old one stays', async () => {
      const transport = await open();
      writeFileSync(files.serviceAccountFile, '{');
      await expect(transport.reloadCredentials()).rejects.toThrow(
        /^FCM_SERVICE_ACCOUNT_FILE \(\/.*\) is not a JSON object$/,
      );
      expect(await sendOne(transport)).toEqual(delivered);
    });

    it('that Google refuses is refused, and the old one stays', async () => {
      const transport = await open();
      await sendOne(transport);
      write({ ...credentials.serviceAccount, privateKey: makeServiceAccount().privateKey });
      await expect(transport.reloadCredentials()).rejects.toThrow(
        /^FCM_SERVICE_ACCOUNT_FILE \(\/.*\) is refused by its token_uri \(invalid_grant\)$/,
      );
      expect(await sendOne(transport)).toEqual(delivered);
    });

    it('is taken as it is while Google cannot be asked', async () => {
      const transport = await open({ token: { failurePauseMs: 0 } });
      const next = makeServiceAccount(credentials.serviceAccount.projectId);
      gateway.trustServiceAccount(next);
      write(next);
      gateway.oauthFaults.next(1, { kind: 'answer', answer: { status: 503 } });
      await transport.reloadCredentials();
      expect(await sendOne(transport)).toEqual(delivered);
    });

    it('comes with the authorities of its time', async () => {
      const transport = await open();
      await sendOne(transport);
      writeFileSync(files.caFile, (await makeCredentials()).authority.cert);
      await transport.reloadCredentials();
      expect(await sendOne(transport)).toMatchObject({ outcome: 'retry', cause: 'provider-down', reason: 'TlsFailed' });
    });
  });

  it('does not open with a service account that is none', async () => {
    const serviceAccountFile = join(dir, 'none.json');
    writeFileSync(serviceAccountFile, '{}');
    await expect(open({}, { serviceAccountFile })).rejects.toThrow(/^FCM_SERVICE_ACCOUNT_FILE /);
  });

  it('lets what is in flight end when it is closed, and sends nothing after', async () => {
    const transport = await open();
    await sendOne(transport);
    gateway.faults.next(1, { kind: 'delay', delayMs: 100 });
    const result = sendOne(transport);
    await gateway.waitForPush(2);
    await transport.close();
    expect(await result).toEqual(delivered);
    expect(await sendOne(transport)).toEqual({ outcome: 'retry', cause: 'not-processed', reason: 'Closed' });
  });
});
