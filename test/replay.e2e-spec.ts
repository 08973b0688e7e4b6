import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { Device } from '../src/devices/device.entity.js';
import { type OnionVersion, openReply, type SealedRequest } from '../src/onion/protocol/onion-client.js';
import { encodeOuterBody, parseOuterBody } from '../src/onion/protocol/outer-body.js';
import { describeEachDatabase } from './support/databases.js';
import { Metrics } from './support/metrics.js';
import { newId, newIosToken } from './support/people.js';
import { useServer } from './support/test-server.js';

const SUCCESS = { status: 200, body: { code: 1, message: 'Success' } };

/** The same sealed bytes, as somebody would send them who knows that the rest is his to change. */
function disguised({ body }: SealedRequest): Buffer {
  const outer = parseOuterBody(body);
  if (!outer) throw new Error('this is no request');
  return encodeOuterBody(outer.ciphertext, { more: randomBytes(8).toString('hex'), ...outer.fields });
}

describeEachDatabase('a request that somebody kept', (databases) => {
  const suite = useServer(databases);
  const devices = (token: string) => suite.server.dataSource.query(`SELECT * FROM devices WHERE token = '${token}'`);
  const post = async ({ path, context }: SealedRequest, body: Buffer) => {
    const answer = await suite.server.onion.post(path, body);
    expect(answer.status).toBe(200);
    return { bytes: answer.body, reply: openReply(context, answer.body) };
  };

  it.each<OnionVersion>(['v2', 'v4'])(
    'of version %s is answered as before, and not carried out again',
    async (version) => {
      const registration = { pubKey: newId(), token: newIosToken() };
      const kept = suite.server.onion.seal('register', registration, { version });
      const first = await post(kept, kept.body);
      expect(first.reply).toEqual(SUCCESS);
      expect(await devices(registration.token)).toHaveLength(1);
      expect(await suite.server.send('unregister', { token: registration.token })).toEqual(SUCCESS);
      for (const body of [kept.body, disguised(kept)]) expect(await post(kept, body)).toEqual(first);
      expect(await devices(registration.token)).toEqual([]);
    },
  );

  it('is one request when it comes many times at once', async () => {
    const kept = suite.server.onion.seal('register', { pubKey: newId(), token: newIosToken() });
    const before = await Metrics.read(suite.server);
    const answers = await Promise.all(Array.from({ length: 8 }, () => post(kept, disguised(kept))));
    expect(new Set(answers.map(({ bytes }) => bytes.toString('hex'))).size).toBe(1);
    const after = await Metrics.read(suite.server);
    const grown = (name: string, labels: Record<string, string>) =>
      (after.value(name, labels) ?? 0) - (before.value(name, labels) ?? 0);
    expect(grown('session_push_commands_total', { command: 'register', result: 'done' })).toBe(1);
    expect(grown('session_push_onion_requests_total', { version: 'v4', result: 'repeated', reason: 'none' })).toBe(7);
  });

  it('is carried out when it could not be before', async () => {
    const registration = { pubKey: newId(), token: newIosToken() };
    const kept = suite.server.onion.seal('register', registration);
    const { dataSource } = suite.server;
    await dataSource.query('ALTER TABLE devices RENAME TO devices_away');
    try {
      expect((await post(kept, kept.body)).reply.status).toBe(500);
    } finally {
      await dataSource.query('ALTER TABLE devices_away RENAME TO devices');
    }
    expect((await post(kept, kept.body)).reply).toEqual(SUCCESS);
    expect(await dataSource.getRepository(Device).countBy({ deviceType: 'ios' })).toBeGreaterThan(0);
    expect(await devices(registration.token)).toHaveLength(1);
  });
});
