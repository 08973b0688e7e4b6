import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { apnsError } from '../../gateways/apns.answers.js';
import { useServer } from '../support/test-server.js';
import { arrival, contentsFor, newPhones, type Phone, type Provider, push } from './phones.js';
import { sqlite } from './sqlite.js';

const HTTP2: Provider[] = ['apns', 'fcm'];

describe('a connection', () => {
  const suite = useServer(sqlite());

  const pushAll = (phones: readonly Phone[]) => Promise.all(phones.map((phone) => push(suite.server, phone)));

  it.each(HTTP2)('to %s is one for all pushes', async (provider) => {
    const phones = await newPhones(suite.server, provider, 30);
    await suite.server.restart();
    const before = suite.gateways[provider].counts.connections;
    for (let round = 0; round < 3; round++) {
      await pushAll(phones);
      await suite.server.idle();
    }
    // The tokens of FCM come over a connection of their own.
    expect(suite.gateways[provider].counts.connections - before).toBe(provider === 'fcm' ? 2 : 1);
    expect(suite.gateways[provider].counts.accepted).toBe(90);
  });

  it.each(HTTP2)('to %s obeys the stream limit in force, also one that falls while it is in use', async (provider) => {
    const gateway = suite.gateways[provider];
    const phones = await newPhones(suite.server, provider, 40);
    await pushAll(phones.slice(0, 1));
    await suite.server.idle();
    gateway.latencyMs = 20;
    gateway.setMaxConcurrentStreams(3);
    await sleep(100);
    let most = 0;
    const watch = setInterval(() => (most = Math.max(most, gateway.counts.inFlight)), 2);
    await pushAll(phones);
    await suite.server.idle();
    clearInterval(watch);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(3);
    expect(gateway.counts.outcomes['reset REFUSED_STREAM']).toBeUndefined();
    expect(gateway.counts.accepted).toBe(41);
  });

  it.each(HTTP2)('to %s that says GOAWAY is replaced, and what is in flight finishes on it', async (provider) => {
    const gateway = suite.gateways[provider];
    const [slow, next] = (await newPhones(suite.server, provider, 2)) as [Phone, Phone];
    gateway.faults.forToken(slow.token, { kind: 'delay', delayMs: 400 });
    const first = await push(suite.server, slow);
    await vi.waitUntil(() => gateway.counts.inFlight > 0, { timeout: 10_000 });
    gateway.goAway();
    const second = await push(suite.server, next);
    await arrival(suite.gateways, next, second, 2000);
    await suite.server.idle();
    expect(contentsFor(suite.gateways, slow)).toEqual([first]);
    expect(contentsFor(suite.gateways, next)).toEqual([second]);
    const connections = new Set(gateway.received.map(({ connectionId }) => connectionId));
    expect(connections.size).toBe(2);
  });
});

describe('a connection that goes dead', () => {
  const suite = useServer(sqlite(), {
    transports: {
      apns: { requestTimeoutMs: 1500, connectTimeoutMs: 1500, idlePingMs: 200 },
      fcm: { requestTimeoutMs: 1500, connectTimeoutMs: 1500, idlePingMs: 200 },
    },
  });

  it.each(HTTP2)('to %s is replaced after repeated time-outs', async (provider) => {
    const gateway = suite.gateways[provider];
    const phones = await newPhones(suite.server, provider, 4);
    await push(suite.server, phones[0] ?? { id: '' });
    await suite.server.idle();
    const dead = gateway.received[0]?.connectionId;
    gateway.faults.next(4, { kind: 'stall' });
    const sent = await Promise.all(phones.map((phone) => push(suite.server, phone)));
    for (const [index, phone] of phones.entries()) await arrival(suite.gateways, phone, sent[index] ?? '');
    expect(gateway.received.at(-1)?.connectionId).not.toBe(dead);
  });

  it.each(HTTP2)('to %s is pinged when it is idle', async (provider) => {
    const [phone] = (await newPhones(suite.server, provider, 1)) as [Phone];
    await arrival(suite.gateways, phone, await push(suite.server, phone));
    const before = suite.gateways[provider].counts.pings;
    await expect.poll(() => suite.gateways[provider].counts.pings - before, { timeout: 5000 }).toBeGreaterThan(1);
  });
});

describe('a bearer token', () => {
  const suite = useServer(sqlite(), {
    transports: {
      fcm: { token: { refusalPauseMs: 60_000 } },
      huawei: { token: { refusalPauseMs: 60_000 } },
    },
  });
  const OAUTH = ['fcm', 'huawei'] as const;

  it('for APNs is minted once for everybody', async () => {
    const phones = await newPhones(suite.server, 'apns', 30);
    await suite.server.restart();
    await Promise.all(phones.map((phone) => push(suite.server, phone)));
    await suite.server.idle();
    expect(suite.gateways.apns.credentialsSeen.size).toBe(1);
  });

  it('for APNs is not minted again within 20 minutes, not even when APNs calls it expired', async () => {
    const phones = await newPhones(suite.server, 'apns', 5);
    await suite.server.restart();
    suite.gateways.apns.faults.next(10, { kind: 'answer', answer: apnsError('ExpiredProviderToken') });
    await Promise.all(phones.map((phone) => push(suite.server, phone)));
    await suite.server.idle();
    expect(suite.gateways.apns.counts.accepted).toBe(5);
    expect(suite.gateways.apns.credentialsSeen.size).toBe(1);
  });

  it.each(OAUTH)('of %s is fetched once for a burst', async (provider) => {
    const phones = await newPhones(suite.server, provider, 30);
    await suite.server.restart();
    const before = suite.gateways[provider].accessTokens.issuedCount;
    await Promise.all(phones.map((phone) => push(suite.server, phone)));
    await suite.server.idle();
    expect(suite.gateways[provider].accessTokens.issuedCount - before).toBe(1);
  });

  it.each(OAUTH)('of %s is refreshed before it ends, so that no push meets an ended one', async (provider) => {
    const [phone] = (await newPhones(suite.server, provider, 1)) as [Phone];
    await suite.server.restart();
    const gateway = suite.gateways[provider];
    gateway.accessTokens.lifetimeSeconds = 2;
    const issued = gateway.accessTokens.issuedCount;
    for (const end = Date.now() + 3000; Date.now() < end; await sleep(100)) await push(suite.server, phone);
    await suite.server.idle();
    expect(gateway.accessTokens.issuedCount - issued).toBeGreaterThanOrEqual(2);
    expect(gateway.accessTokens.issuedCount - issued).toBeLessThanOrEqual(3);
    expect(Object.keys(gateway.counts.outcomes)).toEqual(['200']);
  });

  it.each(OAUTH)('of %s that is refused is replaced once, and no more within a minute', async (provider) => {
    const [phone] = (await newPhones(suite.server, provider, 1)) as [Phone];
    const gateway = suite.gateways[provider];
    await suite.server.restart();
    await arrival(suite.gateways, phone, await push(suite.server, phone));
    const issued = gateway.accessTokens.issuedCount;
    gateway.revokeAccessTokens();
    await arrival(suite.gateways, phone, await push(suite.server, phone));
    expect(gateway.accessTokens.issuedCount - issued).toBe(1);
    gateway.revokeAccessTokens();
    await push(suite.server, phone);
    await sleep(1000);
    expect(gateway.accessTokens.issuedCount - issued).toBe(1);
    await suite.server.restart();
    await suite.server.idle();
  });
});
