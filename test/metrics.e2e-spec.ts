import { afterEach, describe, expect, inject, it, vi } from 'vitest';
import { apnsError } from '../gateways/apns.answers.js';
import { fcmErrors } from '../gateways/fcm.answers.js';
import { ONION_PATHS } from '../src/onion/protocol/onion-client.js';
import { describeEachDatabase } from './support/databases.js';
import { startGateways } from './support/gateways.js';
import { Metrics, OPERATOR_AUTH } from './support/metrics.js';
import { newAndroidToken, newData, newHuaweiToken, newId, newIosToken } from './support/people.js';
import { createRedisDatabase } from './support/redis-databases.js';
import { basicAuth } from './support/statistics.js';
import { TestServer, useServer } from './support/test-server.js';

const PROVIDERS = ['apns', 'fcm', 'huawei'] as const;

describeEachDatabase('metrics', (databases) => {
  const suite = useServer(databases, { tuning: { removalHoldMs: 0, brakeFloor: 1000 } });
  const read = () => Metrics.read(suite.server);

  /** Registers one device of each provider under one id. */
  async function newPerson(): Promise<{ id: string; tokens: string[] }> {
    const person = { id: newId(), tokens: [newIosToken(), newAndroidToken(), newHuaweiToken()] };
    for (const [index, device] of ['ios', 'android', 'huawei'].entries()) {
      await suite.server.register(person.id, person.tokens[index] ?? '', device);
    }
    return person;
  }

  /** How much a series grew. */
  async function growth(name: string, labels: Record<string, string>, during: () => Promise<unknown>): Promise<number> {
    const before = (await read()).value(name, labels) ?? 0;
    await during();
    return ((await read()).value(name, labels) ?? 0) - before;
  }

  describe('the endpoint', () => {
    it.each<[string, Record<string, string>]>([
      ['nobody', {}],
      ['a wrong password', { authorization: basicAuth('operator', 'wrong') }],
    ])('refuses %s', async (_who, headers) => {
      const response = await fetch(`${suite.server.url}/metrics`, { headers });
      expect(response.status).toBe(401);
      expect(await response.text()).not.toContain('session_push');
    });

    it('answers in the text format', async () => {
      const response = await fetch(`${suite.server.url}/metrics`, { headers: { authorization: OPERATOR_AUTH } });
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
      expect(response.headers.get('cache-control')).toBe('no-store');
      expect(new Metrics(await response.text()).value('process_resident_memory_bytes')).toBeGreaterThan(0);
    });
  });

  describe('onion requests', () => {
    const TOTAL = 'session_push_onion_requests_total';

    it.each(['v2', 'v4'] as const)('of %s count as accepted, as unusable or as refused', async (version) => {
      const before = await read();
      await suite.server.send('notify', { send_to: newId(), data: newData() }, { version });
      await suite.server.onion.sendPayload(version, Buffer.from('not what an app sends'));
      await suite.server.onion.post(ONION_PATHS[version], Buffer.from('xyz'));
      const after = await read();
      const grown = (labels: Record<string, string>) =>
        (after.value(TOTAL, { version, ...labels }) ?? 0) - (before.value(TOTAL, { version, ...labels }) ?? 0);
      expect(grown({ result: 'accepted', reason: 'none' })).toBe(1);
      expect(grown({ result: 'unusable', reason: 'payload' })).toBe(1);
      expect(grown({ result: 'refused', reason: 'frame' })).toBe(1);
      expect(grown({})).toBe(3);
    });

    it.each<[string, string, Record<string, unknown>]>([
      ['register', 'done', { pubKey: newId(), token: newIosToken() }],
      ['unregister', 'declined', { token: newIosToken() }],
      ['notify', 'invalid', { send_to: newId() }],
    ])('for %s count as %s', async (command, result, args) => {
      const grown = await growth('session_push_commands_total', { command, result }, () =>
        suite.server.send(command, args),
      );
      expect(grown).toBe(1);
    });

    it('for a command that does not exist count under one name', async () => {
      const grown = await growth('session_push_commands_total', { command: 'unknown', result: 'invalid' }, async () => {
        await suite.server.send(newId(), {});
        await suite.server.send('another', {});
      });
      expect(grown).toBe(2);
    });
  });

  describe('pushes', () => {
    it('count per provider, with the times they took', async () => {
      const before = await read();
      const { id } = await newPerson();
      await suite.server.notify(id, newData());
      await suite.server.idle();
      const after = await read();
      for (const provider of PROVIDERS) {
        const grown = (name: string, labels: Record<string, string> = {}) =>
          (after.value(name, { provider, ...labels }) ?? 0) - (before.value(name, { provider, ...labels }) ?? 0);
        expect(grown('session_push_pushes_total', { outcome: 'delivered', reason: 'none' })).toBe(1);
        expect(grown('session_push_delivery_seconds_count')).toBe(1);
        expect(grown('session_push_delivery_seconds_sum')).toBeGreaterThan(0);
        expect(grown('session_push_provider_request_seconds_count')).toBe(1);
      }
      expect(after.value('session_push_group_commit_items_count', { kind: 'queue-additions' })).toBeGreaterThan(0);
      expect(after.value('session_push_group_commit_items_count', { kind: 'queue-settlements' })).toBeGreaterThan(0);
      expect(after.value('session_push_group_commit_items_count', { kind: 'transactions' })).toBeGreaterThan(0);
    });

    it.each([
      ['one provider', 3000],
      ['any provider', 5000],
    ])('whose content does not fit %s count as delivered without it', async (_whom, bytes) => {
      const { id } = await newPerson();
      const labels = { provider: 'apns', outcome: 'delivered', reason: 'content-left-out' };
      const grown = await growth('session_push_pushes_total', labels, async () => {
        await suite.server.notify(id, newData(bytes));
        await suite.server.idle();
      });
      expect(grown).toBe(1);
    });

    it('that a provider refuses for now count with its own word, and so do the retries', async () => {
      const { id, tokens } = await newPerson();
      const answer = fcmErrors.unavailable();
      suite.gateways.fcm.faults.forToken(tokens[1] ?? '', { kind: 'answer', answer }, 1);
      const before = await read();
      await suite.server.notify(id, newData());
      await suite.server.idle();
      const after = await read();
      const grown = (name: string, labels: Record<string, string>) =>
        (after.value(name, labels) ?? 0) - (before.value(name, labels) ?? 0);
      const provider = 'fcm';
      expect(grown('session_push_pushes_total', { provider, outcome: 'retry', reason: 'UNAVAILABLE' })).toBe(1);
      expect(grown('session_push_retries_total', { provider, cause: 'provider-down' })).toBe(1);
      expect(grown('session_push_pushes_total', { provider, outcome: 'delivered' })).toBe(1);
    });

    it('with an answer that is not documented are kept, and count under its name', async () => {
      const { id, tokens } = await newPerson();
      const [token = ''] = tokens;
      const answer = { ...apnsError('BadTopic'), body: '{"reason":"NewWordOfApple"}' };
      suite.gateways.apns.faults.forToken(token, { kind: 'answer', answer }, 1);
      const labels = { provider: 'apns', outcome: 'retry', reason: 'Unknown:400:NewWordOfApple' };
      const grown = await growth('session_push_pushes_total', labels, async () => {
        await suite.server.notify(id, newData());
        await suite.server.idle();
      });
      expect(grown).toBe(1);
      expect(suite.gateways.apns.received.map((push) => push.token)).toEqual([token]);
      expect(await suite.server.device(token)).not.toBeNull();
    });

    it('to a dead token count, and so does its removal', async () => {
      const { id, tokens } = await newPerson();
      const [token = ''] = tokens;
      suite.gateways.apns.mark(token, 'dead', { since: Date.now() + 1000 });
      const removed = { provider: 'apns', result: 'removed' };
      const dead = { provider: 'apns', outcome: 'token-gone', reason: 'Unregistered' };
      const before = (await read()).value('session_push_pushes_total', dead) ?? 0;
      const removedBefore = (await read()).value('session_push_dead_tokens_total', removed) ?? 0;
      const grown = await growth('session_push_dead_tokens_total', removed, async () => {
        await suite.server.notify(id, newData());
        await vi.waitUntil(async () => (await suite.server.device(token)) === null, { timeout: 5000 });
        // Counted once it is on disk, which is after others can see it.
        const counted = async () => (await read()).value('session_push_dead_tokens_total', removed) ?? 0;
        await vi.waitUntil(async () => (await counted()) > removedBefore, { timeout: 5000 });
      });
      expect(grown).toBe(1);
      expect((await read()).value('session_push_pushes_total', dead)).toBe(before + 1);
    });
  });

  describe('states', () => {
    it('show a provider that is well', async () => {
      const metrics = await read();
      for (const provider of PROVIDERS) {
        expect(metrics.value('session_push_breaker_state', { provider, state: 'closed' })).toBe(1);
        expect(metrics.value('session_push_breaker_state', { provider })).toBe(1);
        expect(metrics.value('session_push_provider_unhealthy', { provider })).toBe(0);
        expect(metrics.value('session_push_removal_brake_engaged', { provider })).toBe(0);
        expect(metrics.value('session_push_provider_requests_in_flight', { provider })).toBe(0);
      }
    });

    it('show a provider that is down, and how much waits for it since when', async () => {
      const { id } = await newPerson();
      await suite.gateways.apns.stopListening();
      for (let count = 0; count < 8; count++) await suite.server.notify(id, newData());
      await vi.waitUntil(
        async () => (await read()).value('session_push_provider_unhealthy', { provider: 'apns' }) === 1,
        {
          timeout: 10_000,
          interval: 100,
        },
      );
      // The depth of the queue is looked at every few seconds.
      await vi.waitUntil(async () => (await read()).value('session_push_queue_items', { lane: 'apns' }) === 8, {
        timeout: 10_000,
        interval: 100,
      });
      const metrics = await read();
      expect(metrics.value('session_push_queue_oldest_age_seconds', { lane: 'apns' })).toBeGreaterThan(0);
      expect(metrics.value('session_push_queue_items', { lane: 'fcm' })).toBe(0);
      expect(metrics.value('session_push_breaker_state', { provider: 'apns', state: 'closed' })).toBe(0);
      expect(metrics.value('session_push_provider_unhealthy', { provider: 'fcm' })).toBe(0);
      await suite.gateways.apns.listenAgain();
      await suite.server.idle(20_000);
      expect((await read()).value('session_push_provider_unhealthy', { provider: 'apns' })).toBe(0);
    }, 40_000);
  });

  it('have no label that carries an id, a token, content or anything that a client wrote', async () => {
    const secrets: string[] = [];
    for (let count = 0; count < 3; count++) {
      const { id, tokens } = await newPerson();
      const [group, data] = [newId(), newData()];
      secrets.push(id, ...tokens, group, data);
      await suite.server.send('subscribe_closed_group', { closedGroupPublicKey: group, pubKey: id });
      await suite.server.notify(id, data);
      await suite.server.notify(group, newData());
      await suite.server.send(id, { token: tokens[0] });
      await suite.server.send('unregister', { token: newIosToken() });
      await suite.server.onion.post(ONION_PATHS.v4, Buffer.from(id));
      // A provider that answers with what it was sent.
      for (const [index, provider] of PROVIDERS.entries()) {
        const body = JSON.stringify({
          reason: tokens[index],
          code: id,
          msg: data,
          error: { status: id, message: data },
        });
        const answer = { ...apnsError('BadTopic'), body };
        suite.gateways[provider].faults.forToken(tokens[index] ?? '', { kind: 'answer', answer }, 1);
      }
      await suite.server.notify(id, newData());
      await suite.server.idle();
    }
    const metrics = await read();
    expect(metrics.samples.length).toBeGreaterThan(100);
    for (const secret of secrets) expect(metrics.text).not.toContain(secret);
    for (const { name, labels } of metrics.samples) {
      for (const [label, value] of Object.entries(labels)) {
        expect(`${name} ${label} ${value}`).toMatch(/^\S+ \w+ [\w:.+-]{1,64}$/);
        expect(value).not.toMatch(/[0-9a-f]{16}/i);
      }
    }
  });
});

describeEachDatabase('metrics of a server', (databases) => {
  let server: TestServer | undefined;
  afterEach(() => server?.close());

  it('do not exist without an operator', async () => {
    const gateways = await startGateways();
    try {
      const env = { STATISTICS_USERNAME: '', STATISTICS_PASSWORD: '' };
      server = await TestServer.start({ database: await databases.create(), gateways, env });
      expect((await fetch(`${server.url}/metrics`)).status).toBe(404);
    } finally {
      await gateways.close();
    }
  });

  it.skipIf(inject('redisUrl') === null)('tell how much shared a commit of the queue on Redis', async () => {
    const gateways = await startGateways();
    try {
      const env = { REDIS_URL: await createRedisDatabase() };
      const here = await TestServer.start({ database: await databases.create(), gateways, env });
      server = here;
      await Promise.all(Array.from({ length: 20 }, () => here.notify(newId(), newData())));
      for (const kind of ['queue-additions', 'queue-settlements']) {
        const items = async () => (await Metrics.read(here)).value('session_push_group_commit_items_sum', { kind });
        await expect.poll(items, { timeout: 5000 }).toBe(20);
      }
    } finally {
      await gateways.close();
    }
  });

  it('tell when its certificate ends', async () => {
    const gateways = await startGateways();
    try {
      const { apnsCertFile, apnsCertKeyFile } = gateways.files;
      const token = { APNS_TOKEN_KEY_FILE: '', APNS_TOKEN_KEY_ID: '', APNS_TOKEN_TEAM_ID: '' };
      const env = { ...token, APNS_CERT_FILE: apnsCertFile, APNS_CERT_KEY_FILE: apnsCertKeyFile };
      server = await TestServer.start({ database: await databases.create(), gateways, env });
      const metrics = await Metrics.read(server);
      const name = 'session_push_certificate_expiry_timestamp_seconds';
      expect(metrics.value(name, { provider: 'apns' })).toBeGreaterThan(Date.now() / 1000);
      expect(metrics.value(name, { provider: 'fcm' })).toBeNull();
    } finally {
      await gateways.close();
    }
  });
});
