import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { contentOf } from '../faults/phones.js';
import { rotateDataKey } from '../support/data-keys.js';
import { mysqlDatabases } from '../support/databases.js';
import { startGateways, type TestGateways } from '../support/gateways.js';
import { spawnInstance } from '../support/instances.js';
import { OnionHttpClient } from '../support/onion-http.js';
import { newAndroidToken, newData, newId } from '../support/people.js';
import { query } from '../support/query.js';
import { createRedisDatabase } from '../support/redis-databases.js';
import { inFolder, ServerProcess } from '../support/spawned-server.js';

const isPossible = inject('redisUrl') !== null && inject('mysqlUrl') !== null;
const SUCCESS = { status: 200, body: { code: 1, message: 'Success' } };

describe.skipIf(!isPossible)('an instance that shares its database', () => {
  const databases = mysqlDatabases();
  let gateways: TestGateways;
  beforeAll(async () => void (gateways = await startGateways()));
  afterAll(() => gateways.close());

  it('stops when another one seals the database and it has no key, and a worker does not start; no phone is forgotten', async () => {
    await inFolder(async (folder) => {
      const url = await databases.create();
      const env = { ...gateways.environment, DATABASE_URL: url, REDIS_URL: await createRedisDatabase() };
      const keyless = await spawnInstance(env, folder);
      const [pubKey, token, data] = [newId(), newAndroidToken(), newData()];
      const before = new OnionHttpClient(keyless.start.address, keyless.start.publicKey);
      expect(await before.send('register', { pubKey, token })).toEqual(SUCCESS);

      const keyed = await spawnInstance({ ...env, DATA_KEY_FILE: 'data.key' }, folder);
      const { code, stdout } = await keyless.process.exit;
      expect({
        code,
        told: stdout.includes('the database is sealed now: this server stops, set DATA_KEY_FILE'),
      }).toEqual({
        code: 0,
        told: true,
      });

      const after = new OnionHttpClient(keyed.start.address, keyed.start.publicKey);
      expect(await after.send('notify', { send_to: pubKey, data })).toEqual(SUCCESS);
      await vi.waitUntil(() => gateways.fcm.received.some((push) => push.token === token && contentOf(push) === data), {
        timeout: 20_000,
      });
      expect(await query(url, 'SELECT COUNT(*) AS count FROM devices')).toEqual([{ count: 1 }]);
      const { DATABASE_URL, REDIS_URL } = env;
      const worker = await new ServerProcess({ DATABASE_URL, REDIS_URL, ROLE: 'worker' }, folder).exit;
      expect(worker).toMatchObject({
        code: 1,
        stdout: expect.stringContaining('The database is sealed: set') as string,
      });
      await keyed.process.stop();
    });
  });

  it('stops when another one changes the data key, and does not start with the file of before; no phone is forgotten', async () => {
    await inFolder(async (folder) => {
      const url = await databases.create();
      const env = { ...gateways.environment, DATABASE_URL: url, REDIS_URL: await createRedisDatabase() };
      const former = await spawnInstance({ ...env, DATA_KEY_FILE: 'former.key' }, folder);
      const [pubKey, token, data] = [newId(), newAndroidToken(), newData()];
      const before = new OnionHttpClient(former.start.address, former.start.publicKey);
      expect(await before.send('register', { pubKey, token })).toEqual(SUCCESS);

      copyFileSync(join(folder, 'former.key'), join(folder, 'later.key'));
      rotateDataKey(join(folder, 'later.key'));
      const later = await spawnInstance({ ...env, DATA_KEY_FILE: 'later.key' }, folder);
      const { code, stdout } = await former.process.exit;
      expect([code, stdout]).toEqual([
        0,
        expect.stringContaining('the database is sealed with another data key now: this server stops'),
      ]);

      const after = new OnionHttpClient(later.start.address, later.start.publicKey);
      expect(await after.send('notify', { send_to: pubKey, data })).toEqual(SUCCESS);
      await vi.waitUntil(() => gateways.fcm.received.some((push) => push.token === token && contentOf(push) === data), {
        timeout: 20_000,
      });
      const refused = await new ServerProcess({ ...env, DATA_KEY_FILE: 'former.key' }, folder).exit;
      expect([refused.code, refused.stdout]).toEqual([1, expect.stringContaining('former.key lacks that line')]);
      await later.process.stop();
    });
  });
});
