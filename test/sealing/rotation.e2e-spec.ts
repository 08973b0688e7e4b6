import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { takeBackup } from '../../src/database/backups/take-backup.js';
import { arrival, push } from '../faults/phones.js';
import { runCommand } from '../support/command-line.js';
import { rotateDataKey, sealingOf } from '../support/data-keys.js';
import { describeEachDatabase } from '../support/databases.js';
import { startGateways, type TestGateways } from '../support/gateways.js';
import { newAndroidToken } from '../support/people.js';
import { query } from '../support/query.js';
import { rawBytes } from '../support/raw-storage.js';
import { newSessionId, subscribeRequest, unsubscribeRequest } from '../support/subscribing-phone.js';
import { TestServer } from '../support/test-server.js';
import { expectAllAtWork, fillDatabase, type FullDatabase } from './full-database.js';

/** Nobody answers there: what is subscribed is stored whether the network is known or not. */
const NETWORK = { NODE_LIST: 'tcp://127.0.0.1:1', NODE_LIST_FILE: '/nowhere/node-list.json' };

describeEachDatabase('a database whose data key is changed', (databases) => {
  const [account, subscribedToken] = [newSessionId(), newAndroidToken()];
  let folder: string;
  let file: string;
  let gateways: TestGateways;
  let server: TestServer;
  let full: FullDatabase;
  let revealing: string[];
  const env = () => ({ ...NETWORK, DATA_KEY_FILE: file });
  const subscribe = async () =>
    (await server.onion.ask('/subscribe', subscribeRequest(account, { token: subscribedToken }))).body;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'spns-rotation-'));
    file = join(folder, 'data.key');
    gateways = await startGateways();
    server = await TestServer.start({ database: await databases.create(), gateways, env: env() });
    await subscribe();
    full = await fillDatabase(server, gateways);
    const former = sealingOf(file);
    revealing = [
      ...full.ids.map((id) => former.id(id)),
      ...[...full.tokens, subscribedToken].map((token) => former.token(token)),
      former.account(account.id),
    ];
  });
  afterEach(async () => {
    await server.close();
    await gateways.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const found = (bytes: Buffer): number => revealing.filter((text) => bytes.includes(text)).length;

  it('holds nothing any more of what the earlier key sealed, and everything in it works on', async () => {
    expect(found(await rawBytes(server.database))).toBe(revealing.length);
    const variables = { DATABASE_URL: server.database, DATA_KEY_FILE: file };
    expect((await runCommand(['rotate-data-key'], { folder, env: variables })).code).toBe(0);
    await server.open(env());
    // Three devices, a suspect, a group with a member, a subscription and two pushes.
    expect(server.log.find("sealing the ids and tokens in the database', rows: 9")).toHaveLength(1);
    await expectAllAtWork(server, gateways, full);
    expect(found(await rawBytes(server.database))).toBe(0);
    expect(await subscribe()).toMatchObject({ updated: true });
    const unsubscribed = await server.onion.ask(
      '/unsubscribe',
      unsubscribeRequest(account, { token: subscribedToken }),
    );
    expect(unsubscribed.body).toMatchObject({ removed: true });
    for (const token of full.tokens)
      expect((await server.send('unregister', { token })).body).toMatchObject({ code: 1 });
    for (const table of ['devices', 'subscriptions', 'suspect_tokens']) {
      expect(await query(server.database, `SELECT * FROM ${table}`)).toEqual([]);
    }
    await server.restart(env());
    // When the empty database was made, and after the change.
    expect(server.log.find('sealing the ids')).toHaveLength(2);
  });

  it('removes a token that died, whose push waited since before', async () => {
    const { phone } = full.waiting;
    gateways.fcm.mark(phone.token, 'dead');
    rotateDataKey(file);
    await server.open(env());
    await gateways.fcm.listenAgain();
    await expect.poll(() => server.device(phone.token), { timeout: 10_000 }).toBeNull();
    await server.idle();
  });

  it('is refused with a copy of the file from before', async () => {
    const former = join(folder, 'former.key');
    copyFileSync(file, former);
    rotateDataKey(file);
    await server.open(env());
    await server.app.close();
    await expect(server.open({ ...NETWORK, DATA_KEY_FILE: former })).rejects.toThrow(`${former} lacks that line`);
    await server.open(env());
    await expectAllAtWork(server, gateways, full);
  });

  const testBackups = () =>
    it('takes a backup of the earlier key over at its start', async () => {
      const backup = await takeBackup(server.database.slice('sqlite:'.length), join(folder, 'before'));
      rotateDataKey(file);
      rotateDataKey(file);
      await server.open(env());
      await server.app.close();
      const variables = { DATABASE_URL: server.database, DATA_KEY_FILE: file };
      expect((await runCommand(['restore', backup], { folder, env: variables })).code).toBe(0);
      await server.open(env());
      expect(found(await rawBytes(server.database))).toBe(0);
      await arrival(gateways, full.phone, await push(server, full.phone));
      await expectAllAtWork(server, gateways, full);
    });
  // MariaDB is backed up with its own tools.
  if (databases.kind === 'sqlite') testBackups();
});
