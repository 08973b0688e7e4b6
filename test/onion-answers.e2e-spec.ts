import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { encodeStringList } from '../src/encoding/bencode.js';
import { Channel } from '../src/onion/protocol/channel.js';
import { type JsonObject } from '../src/encoding/json.js';
import { generateKeyPair } from '../src/onion/protocol/key-agreement.js';
import { ONION_PATHS, openReply, type OnionReply, type OnionVersion } from '../src/onion/protocol/onion-client.js';
import { encodeOuterBody } from '../src/onion/protocol/outer-body.js';
import { describeEachDatabase } from './support/databases.js';
import { newId, newIosToken } from './support/people.js';
import { useServer } from './support/test-server.js';

const bad = (message: string) => ({ status: 400, body: { code: 0, message } });
const BAD_BODY = bad('Invalid request: the body must be a JSON object');
const NO_ENDPOINT = bad('Invalid request: the endpoint is missing');

describeEachDatabase('the answer to an onion request', (databases) => {
  const suite = useServer(databases);
  const registration = () => ({ pubKey: newId(), token: newIosToken() });

  it.each([
    ['v2', 'aes-gcm', {}],
    ['v2', 'aes-gcm', { enc_type: 'xchacha20' }],
    ['v4', 'aes-gcm', {}],
    ['v4', 'aes-gcm', { enc_type: 'gcm' }],
    ['v4', 'aes-gcm', { enc_type: 'aes-gcm' }],
    ['v4', 'xchacha20', {}],
    ['v4', 'xchacha20', { enc_type: 'xchacha20-poly1305' }],
  ] as const)(
    'of version %s sealed with %s and saying %o comes back under the same key',
    async (version, encType, outer) => {
      const reply = await suite.server.send('register', registration(), { version, encType, outer });
      expect(reply).toEqual({ status: 200, body: { code: 1, message: 'Success' } });
    },
  );

  it.each(['hex', 'HEX', 'base64', 'base64url without padding'])(
    'is the same for a key written as %s',
    async (form) => {
      const keyPair = generateKeyPair();
      const hex = keyPair.publicKey.toString('hex');
      const base64 = keyPair.publicKey.toString('base64');
      const spelled = { hex, HEX: hex.toUpperCase(), base64 }[form] ?? base64.replace('=', '');
      const options = { keyPair, outer: { ephemeral_key: spelled } };
      expect((await suite.server.send('register', registration(), options)).status).toBe(200);
    },
  );

  it('to version 2 is GCM-sealed with status 400 when the blob does not decrypt', async () => {
    const keyPair = generateKeyPair();
    const { serverPublicKey } = suite.server.onion;
    const foreign = Channel.ofClient(keyPair, serverPublicKey, 'xchacha20')?.seal(Buffer.from('{}'));
    const channel = Channel.ofClient(keyPair, serverPublicKey, 'aes-gcm');
    if (!channel || !foreign) throw new Error('no channel');
    for (const ciphertext of [foreign, randomBytes(100), randomBytes(3)]) {
      const body = encodeOuterBody(ciphertext, { ephemeral_key: keyPair.publicKey.toString('hex') });
      const answer = await suite.server.onion.post(ONION_PATHS.v2, body);
      expect(answer.status).toBe(200);
      expect(openReply({ version: 'v2', channel }, answer.body)).toEqual(bad(''));
    }
  });

  describe.each<OnionVersion>(['v2', 'v4'])('of version %s', (version) => {
    it.each([
      'nope',
      '',
      '__proto__',
      'constructor',
      'Register',
      'register/',
      'register?x=1',
      ' register',
      '//register',
    ])('is "Unknown command" for %j', async (endpoint) => {
      expect(await suite.server.send(endpoint, registration(), { version })).toEqual(bad('Unknown command'));
    });

    it.each(['', 'null', '[]', '"text"', '7', 'not JSON', '\ufeff{}', '{"token":"x"} more'])(
      'is a sealed 400 for the body %j',
      async (body) => {
        expect(await suite.server.send('unregister', body, { version })).toEqual(BAD_BODY);
      },
    );

    it('ignores arguments that it does not know', async () => {
      const args = { ...registration(), more: [1, 2], __proto__: { token: 'x' } } as JsonObject;
      expect((await suite.server.send('register', args, { version })).status).toBe(200);
    });
  });

  it('takes an optional slash before the endpoint on version 4, and none on version 2', async () => {
    expect((await suite.server.send('/register', registration())).status).toBe(200);
    expect((await suite.server.send('register', registration())).status).toBe(200);
    expect((await suite.server.send('register', registration(), { version: 'v2' })).status).toBe(200);
    expect(await suite.server.send('/register', registration(), { version: 'v2' })).toEqual(bad('Unknown command'));
  });

  it.each<[string, Buffer, OnionReply]>([
    ['nothing', Buffer.alloc(0), bad('Invalid request')],
    ['JSON instead of bencode', Buffer.from('{"endpoint":"register"}'), bad('Invalid request')],
    ['a list without strings', Buffer.from('le'), bad('Invalid request')],
    ['a list without its end', Buffer.from('l2:{}'), bad('Invalid request')],
    ['a length beyond the end', Buffer.from('l99999999999999999999:{}e'), bad('Invalid request')],
    ['a negative length', Buffer.from('l-2:{}e'), bad('Invalid request')],
    ['three strings', encodeStringList('{"endpoint":"register"}', '{}', '{}'), bad('Invalid request')],
    ['bytes behind the body', Buffer.from('l2:{}2:{}xe'), bad('Invalid request')],
    ['metadata that is a list', encodeStringList('[["endpoint","register"]]', '{}'), bad('Invalid request')],
    ['metadata without an endpoint', encodeStringList('{"method":"POST"}', '{"endpoint":"register"}'), NO_ENDPOINT],
    ['an endpoint that is a number', encodeStringList('{"endpoint":7}', '{}'), NO_ENDPOINT],
    ['no body', encodeStringList('{"endpoint":"register"}'), BAD_BODY],
    [
      'a body that is not UTF-8',
      Buffer.concat([Buffer.from('l23:{"endpoint":"register"}2:'), Buffer.from([0xff, 0xfe]), Buffer.from('e')]),
      BAD_BODY,
    ],
  ])('is a sealed 400 for a version 4 payload with %s', async (_what, payload, expected) => {
    expect(await suite.server.onion.sendPayload('v4', payload)).toEqual(expected);
  });

  it.each<[string, string, OnionReply]>([
    ['no JSON', 'register', bad('Invalid request')],
    ['a list', '[]', bad('Invalid request')],
    ['no endpoint', '{"body":"{}"}', NO_ENDPOINT],
    ['no body', '{"endpoint":"register"}', BAD_BODY],
    ['a body that is an object', '{"endpoint":"register","body":{}}', BAD_BODY],
    ['a null body', '{"endpoint":"register","body":"null"}', BAD_BODY],
  ])('is a sealed 400 for a version 2 payload with %s', async (_what, payload, expected) => {
    expect(await suite.server.onion.sendPayload('v2', Buffer.from(payload))).toEqual(expected);
  });
});

describeEachDatabase('an onion request while the database fails', (databases) => {
  const suite = useServer(databases);

  it.each<OnionVersion>(['v2', 'v4'])('of version %s gets a sealed 500, and never "not found"', async (version) => {
    const token = newIosToken();
    const pubKey = newId();
    const { dataSource, log } = suite.server;
    await dataSource.query('ALTER TABLE devices RENAME TO devices_away');
    await dataSource.query('ALTER TABLE closed_groups RENAME TO closed_groups_away');
    try {
      for (const [endpoint, args] of [
        ['register', { token, pubKey }],
        ['unregister', { token }],
        ['register_legacy_groups_only', { token, pubKey, legacyGroupPublicKeys: [newId()] }],
        ['subscribe_closed_group', { closedGroupPublicKey: pubKey, pubKey }],
        ['unsubscribe_closed_group', { closedGroupPublicKey: pubKey, pubKey }],
      ] as const) {
        expect(await suite.server.send(endpoint, args as JsonObject, { version })).toEqual({
          status: 500,
          body: { code: 0, message: 'The server could not do this now, try again later' },
        });
      }
    } finally {
      await dataSource.query('ALTER TABLE devices_away RENAME TO devices');
      await dataSource.query('ALTER TABLE closed_groups_away RENAME TO closed_groups');
    }
    expect(log.find('an onion command failed')).not.toHaveLength(0);
    expect(log.find(token)).toEqual([]);
    expect(log.find(pubKey)).toEqual([]);
    expect((await suite.server.send('register', { token, pubKey }, { version })).status).toBe(200);
  });
});
