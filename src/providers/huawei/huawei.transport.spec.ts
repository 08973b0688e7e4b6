import { legacyContent } from '../push-content.js';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Credentials, makeCredentials } from '../../../gateways/certificates.js';
import { malformedJson } from '../../../gateways/faults.js';
import {
  huaweiAnswer,
  type HuaweiCode,
  huaweiFlowControl,
  huaweiUndocumented,
} from '../../../gateways/huawei.answers.js';
import { type HuaweiGateway, startHuaweiGateway } from '../../../gateways/huawei.gateway.js';
import { type HuaweiConfig } from '../../config/app-config.js';
import { HuaweiTransport, type HuaweiTransportOptions } from './huawei.transport.js';
import { type DeliveryResult, type Push } from '../push-transport.js';

/** 90,000 seconds: five digits, and five a moment later. */
const TTL_MS = 25 * 3_600_000;

let credentials: Credentials;
let gateway: HuaweiGateway;
let dir: string;
let secretFile: string;
let caFile: string;
const opened: HuaweiTransport[] = [];

beforeAll(async () => {
  credentials = await makeCredentials();
  gateway = await startHuaweiGateway({ credentials });
  dir = mkdtempSync(join(tmpdir(), 'huawei-'));
  secretFile = join(dir, 'secret');
  caFile = join(dir, 'ca.pem');
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
  options: Partial<HuaweiTransportOptions> = {},
  changes: Partial<HuaweiConfig> = {},
): Promise<HuaweiTransport> {
  writeFileSync(secretFile, `${credentials.huaweiAppSecret}\n`);
  writeFileSync(caFile, credentials.authority.cert);
  const config: HuaweiConfig = {
    appId: credentials.huaweiAppId,
    appSecret: { kind: 'file', file: secretFile },
    authUrl: gateway.url,
    pushUrl: gateway.url,
    caFile,
    ...changes,
  };
  const transport = await HuaweiTransport.open(config, options);
  opened.push(transport);
  return transport;
}

function push(tokens: readonly string[], data: string | null = 'c2VjcmV0/+=='): Push {
  return {
    notificationId: 'b8a8a2c4-1f5b-4c9c-8f3a-6d2f0a1b2c3d',
    content: legacyContent(data),
    urgency: 'high',
    expiresAt: Date.now() + TTL_MS,
    targets: tokens.map((token) => ({ token, registeredAt: 0, apnsEnvironment: null })),
  };
}

async function sendOne(transport: HuaweiTransport, token = 'a-token', data?: string | null): Promise<DeliveryResult> {
  const [result] = await transport.send(push([token], data));
  if (!result) throw new Error('no result');
  return result;
}

const tokensOf = (count: number): string[] => Array.from({ length: count }, (_, i) => `token-${i}`);
const delivered = { outcome: 'delivered', contentLeftOut: false };
const withoutContent = { outcome: 'delivered', contentLeftOut: true };
const gone = (reason: string) => ({ outcome: 'token-gone', reason });
const sends = () => gateway.requests.filter(({ path }) => path.endsWith(':send'));
const answering = (code: HuaweiCode) => ({ kind: 'answer', answer: huaweiAnswer(code) }) as const;

describe('HuaweiTransport', () => {
  it('sends one request for a thousand devices', async () => {
    const transport = await open();
    const results = await transport.send(push(tokensOf(1000)));
    expect(results).toEqual(tokensOf(1000).map(() => delivered));
    expect(sends()).toHaveLength(1);
    expect(gateway.received.map(({ token }) => token)).toEqual(tokensOf(1000));
    expect(sends()[0]?.rawBody.toString()).toMatch(
      /^\{"validate_only":false,"message":\{"data":"c2VjcmV0\/\+==","android":\{"urgency":"HIGH","ttl":"(90000|89999)s"\},"token":\["token-0","token-1",/,
    );
    expect(sends()[0]?.headers).toMatchObject({ 'content-type': 'application/json;charset=utf-8' });
  });

  it('says what it is', async () => {
    const transport = await open();
    expect(transport).toMatchObject({ provider: 'huawei', maxTargets: 1000, maxInFlight: 32 });
    expect(transport.credentialExpiresAt()).toBeNull();
  });

  it('keeps its connections and its access token', async () => {
    const transport = await open();
    for (let i = 0; i < 10; i++) expect(await sendOne(transport)).toEqual(delivered);
    expect(gateway.counts.connections).toBe(1);
    expect(gateway.accessTokens.issuedCount).toBe(1);
    expect(gateway.requests[0]?.path).toBe('/oauth2/v3/token');
  });

  it('asks nobody for anything before there is something to send', async () => {
    await open();
    expect(gateway.counts.connections).toBe(0);
  });

  describe('content', () => {
    it('that is too large stays here', async () => {
      expect(await sendOne(await open(), 'a', 'A'.repeat(4008))).toEqual(withoutContent);
      expect(gateway.received.map(({ body }) => body.message.data)).toEqual(['{"remote":"1"}']);
      expect(sends()).toHaveLength(1);
    });

    it('goes out whole up to the last byte', async () => {
      const data = 'A'.repeat(4007);
      expect(await sendOne(await open(), 'a', data)).toEqual(delivered);
      expect(gateway.received[0]?.body.message.data).toBe(data);
    });

    it('that HMS finds too large is left out', async () => {
      gateway.faults.next(1, answering('80300008'));
      expect(await sendOne(await open())).toEqual(withoutContent);
      expect(gateway.received.map(({ body }) => body.message.data)).toEqual(['{"remote":"1"}']);
    });

    it('cannot be left out twice', async () => {
      gateway.faults.all(answering('80300008'));
      expect(await sendOne(await open())).toEqual({ outcome: 'refused', reason: 'Code80300008' });
      expect(sends()).toHaveLength(2);
    });

    it('that is none counts as left out', async () => {
      expect(await sendOne(await open(), 'a', null)).toEqual(withoutContent);
    });
  });

  describe('tokens', () => {
    it('that are illegal among good ones are gone, exactly they', async () => {
      gateway.mark('token-1', 'dead');
      gateway.mark('token-3', 'dead');
      const results = await (await open()).send(push(tokensOf(5)));
      const dead = gone('Code80100000');
      expect(results).toEqual([delivered, dead, delivered, dead, delivered]);
      expect(sends()).toHaveLength(1);
    });

    it('of an incomplete list leave the others uncertain', async () => {
      const msg = JSON.stringify({ success: 1, failure: 2, illegal_tokens: ['token-1'] });
      gateway.faults.next(1, { kind: 'answer', answer: huaweiUndocumented('80100000', msg) });
      const uncertain = { outcome: 'retry', cause: 'outcome-unknown', reason: 'Code80100000' };
      expect(await (await open()).send(push(tokensOf(3)))).toEqual([uncertain, gone('Code80100000'), uncertain]);
    });

    it('that HMS calls invalid as a whole are asked for in halves', async () => {
      gateway.faults.next(1, answering('80300007'));
      gateway.mark('token-2', 'dead');
      const results = await (await open()).send(push(tokensOf(20)));
      expect(results[2]).toMatchObject({ outcome: 'token-gone' });
      expect(results.filter(({ outcome }) => outcome === 'delivered')).toHaveLength(19);
      expect(sends().map(({ tokens }) => tokens.length)).toEqual([20, 10, 10]);
    });

    it('that are all dead are gone after each was asked for', async () => {
      for (const token of tokensOf(3)) gateway.mark(token, 'dead');
      expect(await (await open()).send(push(tokensOf(3)))).toEqual(tokensOf(3).map(() => gone('Code80300007')));
    });

    it('that are all made up take a small share of the requests, and no place from others', async () => {
      const madeUp = tokensOf(1000).map((token) => `made-up-${token}`);
      for (const token of madeUp) gateway.mark(token, 'dead');
      const transport = await open();
      let most = 0;
      const watching = setInterval(() => (most = Math.max(most, gateway.counts.inFlight)), 1);
      const floods = Array.from({ length: 10 }, () => transport.send(push(madeUp)));
      expect(await transport.send(push(['good']))).toEqual([delivered]);
      const results = (await Promise.all(floods)).flat();
      clearInterval(watching);
      // 10 that go out whole, and four that are split.
      expect(sends().length).toBeLessThan(10 + 4 * 70);
      const outcomes = new Set(results.map((result) => (result.outcome === 'retry' ? result.cause : result.outcome)));
      expect([...outcomes].filter((outcome) => outcome !== 'token-gone')).toEqual(['device-throttled']);
      expect(most).toBeLessThanOrEqual(15);
    });

    it('that are too many go out in halves', async () => {
      gateway.faults.next(1, answering('80300010'));
      const results = await (await open()).send(push(tokensOf(9)));
      expect(results).toEqual(tokensOf(9).map(() => delivered));
      expect(new Set(gateway.received.map(({ token }) => token)).size).toBe(9);
      expect(sends().map(({ tokens }) => tokens.length)).toEqual(expect.arrayContaining([9, 5, 4]));
      expect(sends()).toHaveLength(3);
    });

    it('of a system message go out one by one', async () => {
      gateway.faults.next(1, answering('80100002'));
      const results = await (await open()).send(push(tokensOf(3)));
      expect(results).toEqual(tokensOf(3).map(() => delivered));
    });

    it('keep their own results when part of a split push fails', async () => {
      gateway.faults.next(1, answering('80300007'));
      gateway.faults.next(1, { kind: 'destroy' });
      const results = await (await open()).send(push(tokensOf(3)));
      const lost = { outcome: 'retry', cause: 'outcome-unknown', reason: 'ConnectionLost' };
      expect(results).toEqual([lost, lost, delivered]);
    });

    it('that one push cannot settle in its time are left for later', async () => {
      const transport = await open({ splitTimeoutMs: 1500 });
      await sendOne(transport);
      gateway.faults.all(answering('80300007'));
      gateway.latencyMs = 300;
      const results = await transport.send(push(tokensOf(50)));
      const later = { outcome: 'retry', cause: 'device-throttled', reason: 'Code80300007' };
      expect(results).toHaveLength(50);
      expect(results[49]).toEqual(later);
    });

    it('are refused when HMS wants one of them split', async () => {
      gateway.faults.all(answering('80300010'));
      expect(await sendOne(await open())).toEqual({ outcome: 'refused', reason: 'Code80300010' });
      expect(sends()).toHaveLength(1);
    });
  });

  it('goes on with NORMAL urgency when the app has no right to HIGH', async () => {
    gateway.faults.next(1, answering('80300011'));
    const transport = await open();
    expect(await sendOne(transport)).toEqual(delivered);
    expect(gateway.received.map(({ body }) => body.message.android?.urgency)).toEqual(['NORMAL']);
    gateway.faults.all(answering('80300011'));
    expect(await sendOne(transport)).toEqual({ outcome: 'retry', cause: 'configuration', reason: 'Code80300011' });
  });

  it('gives every device of a request the same answer when it is about all of them', async () => {
    const transport = await open();
    const throttled = { outcome: 'retry', cause: 'provider-throttled', reason: 'Http503', retryAfterMs: 9000 };
    gateway.faults.next(1, { kind: 'answer', answer: huaweiFlowControl(9) });
    expect(await transport.send(push(['a', 'b']))).toEqual([throttled, throttled]);
    gateway.faults.next(1, { kind: 'answer', answer: malformedJson(200) });
    expect(await transport.send(push(['a', 'b']))).toMatchObject([
      { cause: 'outcome-unknown' },
      { reason: 'MalformedAnswer' },
    ]);
    gateway.faults.next(1, answering('80100016'));
    expect(await transport.send(push(['a']))).toEqual([{ outcome: 'refused', reason: 'Code80100016' }]);
  });

  describe('access tokens', () => {
    it('are replaced once when they are refused, for all who send', async () => {
      const transport = await open();
      await sendOne(transport);
      gateway.revokeAccessTokens();
      const results = await Promise.all(tokensOf(20).map((token) => sendOne(transport, token)));
      expect(results).toEqual(results.map(() => delivered));
      expect(gateway.accessTokens.issuedCount).toBe(2);
    });

    it.each(['80200001', '80200003'] as const)('are a matter of the credential when %s stays', async (code) => {
      const transport = await open();
      gateway.faults.all(answering(code));
      for (let i = 0; i < 3; i++) {
        expect(await sendOne(transport)).toEqual({ outcome: 'retry', cause: 'credential', reason: `Code${code}` });
      }
      expect(gateway.accessTokens.issuedCount).toBe(2);
    });

    it('are not given for a wrong secret', async () => {
      const transport = await open({}, { appSecret: { kind: 'value', value: 'wrong' } });
      expect(await transport.send(push(['a', 'b']))).toEqual([
        { outcome: 'retry', cause: 'credential', reason: 'TokenError1101' },
        { outcome: 'retry', cause: 'credential', reason: 'TokenError1101' },
      ]);
    });

    it('that cannot be fetched make it the provider’s outage', async () => {
      const transport = await open();
      gateway.oauthFaults.next(1, { kind: 'answer', answer: { status: 503, headers: { 'retry-after': '4' } } });
      expect(await sendOne(transport)).toEqual({
        outcome: 'retry',
        cause: 'provider-down',
        reason: 'TokenHttp503',
        retryAfterMs: 4000,
      });
    });
  });

  describe('the connection', () => {
    it('that does not answer leaves the outcome open, within the deadline', async () => {
      const transport = await open({ requestTimeoutMs: 1000 });
      gateway.faults.next(1, { kind: 'stall' });
      expect(await sendOne(transport)).toEqual({ outcome: 'retry', cause: 'outcome-unknown', reason: 'Timeout' });
      expect(await sendOne(transport)).toEqual(delivered);
    });

    it('that breaks leaves the outcome open', async () => {
      const transport = await open();
      await sendOne(transport);
      gateway.faults.next(1, { kind: 'destroy' });
      expect(await sendOne(transport)).toEqual({
        outcome: 'retry',
        cause: 'outcome-unknown',
        reason: 'ConnectionLost',
      });
    });

    it('that cannot be made means that the provider is down', async () => {
      const transport = await open();
      await sendOne(transport);
      await gateway.stopListening();
      await sleep(20);
      expect(await sendOne(transport)).toEqual({ outcome: 'retry', cause: 'provider-down', reason: 'ConnectFailed' });
    });

    it('that is somebody else’s gets neither secret nor push', async () => {
      const transport = await open();
      await gateway.serveCertificate('other-host');
      expect(await sendOne(transport)).toMatchObject({ outcome: 'retry', cause: 'provider-down', reason: 'TlsFailed' });
      expect(gateway.counts.requests).toBe(0);
    });
  });

  describe('a changed secret', () => {
    it('is used from then on', async () => {
      const transport = await open();
      await sendOne(transport);
      gateway.appSecret = 'another-secret';
      gateway.revokeAccessTokens();
      writeFileSync(secretFile, ' another-secret \n');
      await transport.reloadCredentials();
      expect(await sendOne(transport)).toEqual(delivered);
      expect(gateway.counts.outcomes['200 80200001']).toBeUndefined();
    });

    it('that is empty is refused, and the old one stays', async () => {
      const transport = await open();
      writeFileSync(secretFile, '\n');
      await expect(transport.reloadCredentials()).rejects.toThrow(/^HUAWEI_APP_SECRET_FILE \(\/.*\) is empty$/);
      expect(await sendOne(transport)).toEqual(delivered);
    });

    it('that Huawei refuses is refused, and the old one stays', async () => {
      const transport = await open();
      writeFileSync(secretFile, 'mistyped');
      await expect(transport.reloadCredentials()).rejects.toThrow(
        /^HUAWEI_APP_SECRET_FILE \(\/.*\) is refused by Huawei's token endpoint \(TokenError1101\)$/,
      );
      expect(await sendOne(transport)).toEqual(delivered);
    });

    it('is taken as it is while Huawei cannot be asked', async () => {
      const transport = await open({ token: { failurePauseMs: 0 } });
      gateway.appSecret = 'another-secret';
      writeFileSync(secretFile, 'another-secret');
      gateway.oauthFaults.next(1, { kind: 'answer', answer: { status: 500 } });
      await transport.reloadCredentials();
      expect(await sendOne(transport)).toEqual(delivered);
    });

    it('does not fail what is in flight', async () => {
      const transport = await open();
      await sendOne(transport);
      gateway.faults.next(1, { kind: 'delay', delayMs: 100 });
      const result = sendOne(transport);
      await gateway.waitForPush(2);
      await transport.reloadCredentials();
      expect(await result).toEqual(delivered);
    });
  });

  it('names the value when that is what Huawei refuses', async () => {
    const transport = await open({}, { appSecret: { kind: 'value', value: 'wrong' } });
    await expect(transport.reloadCredentials()).rejects.toThrow(/^HUAWEI_APP_SECRET is refused/);
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
