import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeStringList } from '../src/encoding/bencode.js';
import { ONION_PATHS } from '../src/onion/protocol/onion-client.js';
import { describeEachDatabase } from './support/databases.js';
import { malformedBodies } from './support/malformed-bodies.js';
import { query } from './support/query.js';
import { newAndroidToken, newData, newHuaweiToken, newId, newIosToken } from './support/people.js';
import { useServer } from './support/test-server.js';

/** The bugs of the original server, by the numbers that docs/protocol.md gives them. */
describeEachDatabase('a bug of the original:', (databases) => {
  const suite = useServer(databases);
  const received = () => suite.gateways.all.flatMap((gateway) => gateway.received.map(({ token }) => token)).toSorted();
  const tokensAfterNotify = async (recipient: string) => {
    await suite.gateways.reset();
    await suite.server.notify(recipient, newData());
    await suite.server.idle();
    return received();
  };
  const subscribe = (closedGroupPublicKey: string, pubKey: string) =>
    suite.server.send('subscribe_closed_group', { closedGroupPublicKey, pubKey });

  it('answers 400 to what it cannot open and a sealed 400 to what it can (fix 1)', async () => {
    for (const version of ['v2', 'v4'] as const) {
      for (const { body } of malformedBodies(version, suite.server.onion.serverPublicKey)) {
        expect((await suite.server.onion.post(ONION_PATHS[version], body)).status).toBe(400);
      }
      expect((await suite.server.send('notify', '', { version })).status).toBe(400);
    }
  });

  describe('persistence (fix 2):', () => {
    it('keeps an unregistered token out after a restart', async () => {
      const [id, token] = [newId(), newIosToken()];
      await suite.server.register(id, token);
      await suite.server.restart();
      await suite.server.send('unregister', { token });
      await suite.server.restart();
      expect(await tokensAfterNotify(id)).toEqual([]);
    });

    it('keeps the last member out of a group after a restart', async () => {
      const [group, id] = [newId(), newId()];
      await suite.server.register(id, newIosToken());
      await subscribe(group, id);
      await suite.server.restart();
      await suite.server.send('unsubscribe_closed_group', { closedGroupPublicKey: group, pubKey: id });
      await suite.server.restart();
      expect(await tokensAfterNotify(group)).toEqual([]);
    });

    it('leaves a moved token with its newest owner alone after a restart', async () => {
      const [former, newest, token] = [newId(), newId(), newIosToken()];
      await suite.server.register(former, token);
      await suite.server.restart();
      await suite.server.register(newest, token);
      await suite.server.restart();
      expect(await tokensAfterNotify(former)).toEqual([]);
      expect(await tokensAfterNotify(newest)).toEqual([token]);
    });
  });

  it('has a registration on disk when it is answered (fix 3)', async () => {
    const [id, token, group] = [newId(), newIosToken(), newId()];
    await suite.server.register(id, token);
    await subscribe(group, id);
    // Another connection sees what is committed, and nothing else.
    const rows = await query(suite.server.database, `SELECT session_id FROM devices WHERE token = '${token}'`);
    expect(rows).toEqual([{ session_id: id }]);
    const members = await query(
      suite.server.database,
      `SELECT session_id FROM closed_group_members WHERE group_id = '${group}'`,
    );
    expect(members).toEqual([{ session_id: id }]);
  });

  it('updates device, flag and time when a token registers again (fix 4)', async () => {
    const [id, token] = [newId(), newAndroidToken()];
    await suite.server.register(id, token, 'android');
    const first = await suite.server.device(token);
    await suite.server.register(id, token, 'huawei');
    const second = await suite.server.device(token);
    expect(second).toMatchObject({ sessionId: id, deviceType: 'huawei', legacyGroupsOnly: false });
    expect(second?.registeredAt).toBeGreaterThan(first?.registeredAt ?? Infinity);
    await suite.server.send('register_legacy_groups_only', { token, pubKey: id, device: 'android' });
    expect(await suite.server.device(token)).toMatchObject({ deviceType: 'android', legacyGroupsOnly: true });
    await suite.server.register(id, token);
    expect(await suite.server.device(token)).toMatchObject({ legacyGroupsOnly: false });
  });

  it("does not let a second phone's legacy registration silence the first (fix 5)", async () => {
    const [id, first, second] = [newId(), newIosToken(), newAndroidToken()];
    await suite.server.register(id, first);
    await suite.server.send('register_legacy_groups_only', { token: second, pubKey: id, device: 'android' });
    expect(await tokensAfterNotify(id)).toEqual([first]);
    // Nor does the first one's return give the second one what it did not ask for.
    await suite.server.register(id, first);
    expect(await tokensAfterNotify(id)).toEqual([first]);
  });

  it('pushes to the other Huawei phones of a batch when one fails (fix 6)', async () => {
    const group = newId();
    const tokens = [newHuaweiToken(), newHuaweiToken(), newHuaweiToken()];
    for (const token of tokens) {
      const id = newId();
      await suite.server.register(id, token, 'huawei');
      await subscribe(group, id);
    }
    suite.gateways.huawei.mark(tokens[0] ?? '', 'dead');
    await suite.server.notify(group, newData());
    await suite.server.idle();
    expect(received()).toEqual(tokens.slice(1).toSorted());
  });

  it('refuses a poison message and delivers all others (fix 7)', async () => {
    const [id, token, data] = [newId(), newIosToken(), newData()];
    await suite.server.register(id, token);
    const poison = [{ data: 7 }, { data: {} }, { send_to: [id] }, { send_to: { id } }, { send_to: '\u0000' }];
    const replies = await Promise.all([
      ...poison.map((args) => suite.server.send('notify', { send_to: id, data: newData(), ...args })),
      suite.server.send('notify', { send_to: id, data }),
    ]);
    expect(replies.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400, 200]);
    await suite.server.idle();
    expect(suite.gateways.apns.received.map(({ body }) => body.ENCRYPTED_DATA)).toEqual([data]);
  });

  it('wakes the phone without content instead of counting oversize pushes as failures (fix 8)', async () => {
    const id = newId();
    const tokens = [newIosToken(), newAndroidToken(), newHuaweiToken()];
    for (const token of tokens) await suite.server.register(id, token, token.startsWith('IQ') ? 'huawei' : undefined);
    for (let time = 0; time < 5; time++) await suite.server.notify(id, newData(9000));
    await suite.server.idle();
    expect(received()).toEqual(tokens.flatMap((token) => new Array<string>(5).fill(token)).toSorted());
    for (const token of tokens) expect(await suite.server.device(token)).not.toBeNull();
    // All were taken at the first try: the size is looked at before sending.
    const { apns, fcm, huawei } = suite.gateways;
    expect([apns, fcm, huawei].map(({ counts }) => Object.keys(counts.outcomes))).toEqual([['200'], ['200'], ['200']]);
  });

  it('never counts failures: a token outlives any number of them that do not mean dead (fix 9)', async () => {
    const [id, token] = [newId(), newIosToken()];
    await suite.server.register(id, token);
    suite.gateways.apns.faults.next(6, { kind: 'destroy' });
    for (let time = 0; time < 6; time++) await suite.server.notify(id, newData());
    await suite.server.idle();
    // A push whose connection was cut may have been taken, and is sent once more.
    expect(new Set(suite.gateways.apns.received.map(({ body }) => body.ENCRYPTED_DATA)).size).toBe(6);
    expect(await suite.server.device(token)).not.toBeNull();
  });

  it('answers with fixed messages that quote nothing (fix 10)', async () => {
    const strange = `<script>${randomBytes(8).toString('hex')}`;
    for (const [endpoint, args] of [
      [strange, {}],
      ['register', { token: newIosToken(), pubKey: newId(), device: strange }],
      ['register', { token: [strange], pubKey: newId() }],
      ['register', { token: newIosToken(), pubKey: { [strange]: 1 } }],
      ['notify', { send_to: newId(), data: { [strange]: strange } }],
    ] as const) {
      const { status, body } = await suite.server.send(endpoint, args);
      expect(status).toBe(400);
      expect(JSON.stringify(body)).not.toContain(strange);
    }
  });

  it('takes the endpoint from the metadata and the arguments from the body, and never mixes them (fix 11)', async () => {
    const args = { token: newIosToken(), pubKey: newId() };
    const { onion } = suite.server;
    const metadata = (more: object) => JSON.stringify({ endpoint: '/register', ...more });
    const inMetadata = await onion.sendPayload('v4', encodeStringList(metadata(args), '{}'));
    expect(inMetadata).toEqual({ status: 400, body: { code: 0, message: 'Missing parameter' } });
    expect(await suite.server.device(args.token)).toBeNull();
    const body = JSON.stringify({ ...args, endpoint: 'unregister' });
    const inBody = await onion.sendPayload('v4', encodeStringList(metadata({ token: newIosToken() }), body));
    expect(inBody.body).toEqual({ code: 1, message: 'Success' });
    expect(await suite.server.device(args.token)).toMatchObject({ sessionId: args.pubKey });
  });

  it('takes a list of groups as a list only (fix 14)', async () => {
    const args = { token: newIosToken(), pubKey: newId(), legacyGroupPublicKeys: newId() };
    expect(await suite.server.send('register_legacy_groups_only', args)).toEqual({
      status: 400,
      body: { code: 0, message: 'legacyGroupPublicKeys must be a list' },
    });
    expect(await suite.server.device(args.token)).toBeNull();
  });
});

describe('a bug of the original:', () => {
  it('has no secret in its code (fix 15)', () => {
    const folder = resolve(import.meta.dirname, '../src');
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
    expect(files.length).toBeGreaterThan(50);
    for (const file of files) {
      if (file.endsWith('.spec.ts')) continue;
      // The public keys of the network's own nodes are in their addresses.
      const text = readFileSync(join(folder, file), 'utf8').replaceAll(/curve:\/\/[^/]+\/[0-9a-f]{64}/g, '');
      expect({
        file,
        secret: /BEGIN [A-Z ]*PRIVATE KEY|[0-9a-f]{64}|password *[:=] *['"][^'"]/i.exec(text)?.[0],
      }).toEqual({ file, secret: undefined });
    }
  });
});
