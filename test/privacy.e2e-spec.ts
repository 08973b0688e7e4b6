import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { apnsError } from '../gateways/apns.answers.js';
import { fcmErrors } from '../gateways/fcm.answers.js';
import { type Fault } from '../gateways/faults.js';
import { huaweiAnswer } from '../gateways/huawei.answers.js';
import { type Answer } from '../gateways/messages.js';
import { type JsonObject } from '../src/onion/protocol/json.js';
import { ONION_PATHS } from '../src/onion/protocol/onion-client.js';
import { describeEachDatabase } from './support/databases.js';
import { EavesdroppedClient } from './support/eavesdropped-client.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { malformedBodies } from './support/malformed-bodies.js';
import { newAndroidToken, newData, newHuaweiToken, newId, newIosToken } from './support/people.js';
import { query } from './support/query.js';
import { inFolder, spawnServer } from './support/spawned-server.js';

const COMMANDS = [
  'register',
  'unregister',
  'register_legacy_groups_only',
  'subscribe_closed_group',
  'unsubscribe_closed_group',
  'notify',
];

const PHONES = {
  apns: [newIosToken, 'ios'],
  fcm: [newAndroidToken, 'android'],
  huawei: [newHuaweiToken, 'huawei'],
} as const;

describeEachDatabase('the output of a server at level trace', (databases) => {
  let gateways: TestGateways;
  beforeAll(async () => {
    gateways = await startGateways();
  });
  afterAll(() => gateways.close());

  it('holds no id, token, payload, key or address, whatever happens (fix 15)', { timeout: 60_000 }, async () => {
    await inFolder(async (folder) => {
      const database = await databases.create();
      const password = 'the-password-of-statistics';
      const env = {
        ...gateways.environment,
        DATABASE_URL: database,
        LOG_LEVEL: 'trace',
        STATISTICS_USERNAME: 'operator',
        STATISTICS_PASSWORD: password,
      };
      const { process, start } = await spawnServer(env, folder);
      const client = new EavesdroppedClient(start.address, start.publicKey);

      await everyCommand(client);
      await everyRefusal(client);
      await everyPushFailure(client, gateways);
      await databaseFailure(client, database);
      await otherRequests(client, password);
      await process.waitForLine('removed dead tokens', 15_000);
      const { code, stdout, stderr } = await process.stop();

      expect(code).toBe(0);
      expect(stderr).toBe('');
      // It did say something about what happened.
      for (const text of [
        'an onion command failed',
        'provider is unhealthy',
        'removed dead tokens',
        '"msg":"stopped"',
      ]) {
        expect(stdout).toContain(text);
      }
      for (const secret of secretsOf(folder, gateways, database)) client.remember(secret);
      client.remember(password);
      const newest = newId();
      client.remember(newest);
      expect(client.told.size).toBeGreaterThan(100);
      expect(client.foundIn(`a log line with ${newest} in it`)).toEqual([newest]);
      expect(client.foundIn(stdout + stderr)).toEqual([]);
    });
  });
});

async function everyCommand(client: EavesdroppedClient): Promise<void> {
  for (const version of ['v2', 'v4'] as const) {
    const [pubKey, group, token, data] = [newId(), newId(), newIosToken(), newData()];
    const args = { pubKey, token, closedGroupPublicKey: group, legacyGroupPublicKeys: [group], send_to: pubKey, data };
    for (const command of COMMANDS) await client.send(command, args, { version });
    for (const command of COMMANDS.toReversed()) await client.send(command, args, { version });
    await client.send('notify', { send_to: newId(), data: newData() }, { version });
  }
}

async function everyRefusal(client: EavesdroppedClient): Promise<void> {
  const bad = [{}, { secret: newId() }, [newId()], `${newId()} ${newId()}`, `${newId()}\n`, newId().repeat(20), 7];
  for (const version of ['v2', 'v4'] as const) {
    for (const command of COMMANDS) {
      for (const value of bad) {
        const good = {
          token: newIosToken(),
          pubKey: newId(),
          closedGroupPublicKey: newId(),
          send_to: newId(),
          data: newData(),
        };
        for (const name of [...Object.keys(good), 'device', 'legacyGroupPublicKeys']) {
          await client.send(command, { ...good, [name]: value }, { version });
        }
      }
      await client.send(command, `not JSON ${newId()}`, { version });
    }
    const unknown = newId();
    client.remember(unknown);
    await client.send(unknown, {}, { version });
    for (const { body } of malformedBodies(version, client.serverPublicKey))
      await client.post(ONION_PATHS[version], body);
    await client.post(ONION_PATHS[version], Buffer.alloc(1024 * 1024 + 1));
  }
}

/** One device for each way to fail, so that none waits for the retry of another. */
async function everyPushFailure(client: EavesdroppedClient, gateways: TestGateways): Promise<void> {
  const waiting: string[] = [];
  const push = async (provider: 'apns' | 'fcm' | 'huawei', fault?: Fault, data = newData()) => {
    const [newToken, device] = PHONES[provider];
    const [pubKey, token] = [newId(), newToken()];
    await client.send('register', { pubKey, token, device });
    if (fault) gateways[provider].faults.forToken(token, fault, 1);
    await client.send('notify', { send_to: pubKey, data });
    waiting.push(token);
  };
  const answer = (given: Answer): Fault => ({ kind: 'answer', answer: given });
  const gossip = JSON.stringify({ reason: newId(), msg: newIosToken(), error: { message: newAndroidToken() } });
  client.remember(JSON.parse(gossip));
  for (const provider of ['apns', 'fcm', 'huawei'] as const) {
    await push(provider);
    await push(provider, undefined, newData(100_000));
    for (const status of [500, 418, 400]) await push(provider, answer({ status, body: gossip }));
    await push(provider);
    await push(provider, { kind: 'destroy' });
  }
  await push('apns', answer(apnsError('Unregistered', { timestamp: Date.now() + 1000 })));
  await push('fcm', answer(fcmErrors.unregistered()));
  await push('huawei', answer(huaweiAnswer('80300007')));
  await push('apns', answer(apnsError('DeviceTokenNotForTopic')));
  await push('huawei', answer(huaweiAnswer('80300008')));
  await push('apns', answer(apnsError('InvalidProviderToken')));
  gateways.fcm.revokeAccessTokens();
  gateways.fcm.oauthFaults.next(1, answer({ status: 500, body: gossip }));
  gateways.huawei.revokeAccessTokens();
  await push('fcm');
  await push('huawei');
  const tried = () => new Set(gateways.all.flatMap(({ requests }) => requests.flatMap(({ tokens }) => tokens)));
  await expect.poll(() => waiting.filter((token) => !tried().has(token)), { timeout: 30_000 }).toEqual([]);
}

async function databaseFailure(client: EavesdroppedClient, database: string): Promise<void> {
  const tables = ['devices', 'closed_groups', 'queued_notifications'];
  for (const table of tables) await query(database, `ALTER TABLE ${table} RENAME TO ${table}_away`);
  for (const command of COMMANDS) {
    const args: JsonObject = {
      token: newIosToken(),
      pubKey: newId(),
      closedGroupPublicKey: newId(),
      send_to: newId(),
      data: newData(),
    };
    expect((await client.send(command, args)).status).toBe(500);
  }
  // The loops of delivery and their pauses meet it too.
  await sleep(1500);
  for (const table of tables) await query(database, `ALTER TABLE ${table}_away RENAME TO ${table}`);
}

async function otherRequests(client: EavesdroppedClient, password: string): Promise<void> {
  const [inPath, inHeader, inBody] = [newId(), newId(), newId()];
  for (const text of [inPath, inHeader, inBody]) client.remember(text);
  await client.post(`/${inPath}?token=${inPath}`, Buffer.from(inBody), {
    'user-agent': inHeader,
    'content-type': inHeader,
  });
  for (const authorization of [
    `Basic ${inHeader}`,
    `Basic ${Buffer.from(`operator:${password}`).toString('base64')}`,
  ]) {
    for (const body of ['', `{"start_date":"${inBody}"}`, `{"${inBody}":1}`, inBody]) {
      await client.post('/get_statistics_data', Buffer.from(body), { authorization });
    }
  }
}

/** Keys, passwords and the bearer tokens that went to the providers. */
function secretsOf(folder: string, { files, all }: TestGateways, database: string): string[] {
  const lines = [files.apnsTokenKeyFile, files.serviceAccountFile].flatMap((file) => {
    const text = readFileSync(file, 'utf8').replaceAll('\\n', '\n');
    return text.split('\n').filter((line) => /^[A-Za-z0-9+/=]{40,}$/.test(line));
  });
  const bearers = all.flatMap(({ requests }) => requests.map(({ headers }) => headers['authorization'] ?? ''));
  return [
    ...lines,
    ...bearers.map((value) => value.replace(/^bearer /i, '')),
    readFileSync(join(folder, 'data/x25519-priv.pem'), 'latin1').trim(),
    files.huaweiAppSecret,
    database.startsWith('mysql:') ? new URL(database).password : '',
  ];
}
