import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DataSource } from 'typeorm';
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import { TrustedClock } from '../../common/time/trusted-clock.js';
import { describeEachDatabase } from '../../../test/support/databases.js';
import { newAndroidToken, newIosToken } from '../../../test/support/people.js';
import { rawBytes } from '../../../test/support/raw-storage.js';
import { subscriptionsCommands } from '../../../test/support/subscribing.js';
import {
  newGroup,
  newMember,
  newSessionId,
  nowSeconds,
  subscribeRequest,
  type SubscribeRequest,
  unsubscribeRequest,
} from '../../../test/support/subscribing-phone.js';
import { openDataSource } from '../../../test/support/test-data-source.js';
import { DatabaseWriter } from '../../database/database-writer.js';
import { sealDatabase } from '../../database/sealing/seal-database.js';
import { MetricsService } from '../../metrics/metrics.service.js';
import { KeyedSealing, NoSealing, type Sealing } from '../../sealing/sealing.js';
import { SubscribersService } from './subscribers.service.js';
import { WatchedAccountsService } from '../watching/watched-accounts.service.js';

/** What nobody may find who has the files and not the key. */
const SECRET_KEYS = ['pubkey', 'session_ed25519', 'subaccount', 'subaccount_sig', 'signature', 'enc_key'];

describeEachDatabase('with a data key', (databases) => {
  const folder = mkdtempSync(join(tmpdir(), 'spns-sealed-subscriptions-'));
  const dataKey = randomBytes(32);
  const [sealing, file] = [new KeyedSealing(dataKey), join(folder, 'data.key')];
  writeFileSync(file, dataKey);
  afterAll(() => rmSync(folder, { recursive: true }));

  let url: string;
  let dataSource: DataSource;
  beforeEach(async () => {
    url = await databases.create();
    dataSource = await openDataSource(url);
  });
  afterEach(async () => {
    if (dataSource.isInitialized) await dataSource.destroy();
  });

  const commandsWith = (used: Sealing) =>
    subscriptionsCommands({ dataSource, writer: new DatabaseWriter(dataSource, new MetricsService()) }, used);

  const group = newGroup();
  const account = newSessionId();
  const requests: SubscribeRequest[] = [
    subscribeRequest(account, { service: 'apns', token: newIosToken() }),
    subscribeRequest(group, { token: newAndroidToken() }),
    subscribeRequest(newMember(group), { service: 'huawei', token: newAndroidToken() }),
  ];

  /** Which of their keys can be read in the files, as bytes or in a spelling. */
  const readable = async (): Promise<string[]> => {
    const bytes = await rawBytes(url);
    const has = (value: Buffer): boolean =>
      [value, value.toString('hex'), value.toString('base64'), value.toString('base64url')].some((text) =>
        bytes.includes(text),
      );
    const found = requests.flatMap((request) => {
      const keys = SECRET_KEYS.filter((key) => {
        const text = request[key];
        if (typeof text !== 'string') return false;
        return has(Buffer.from(text, /^[0-9a-f]+$/.test(text) ? 'hex' : 'base64'));
      });
      return bytes.includes(request.service_info.token) ? [...keys, 'token'] : keys;
    });
    return [...new Set(found)].toSorted();
  };

  it('files name neither account nor token, and hold no key and no signature', async () => {
    await commandsWith(sealing).subscribe(requests);
    expect(await readable()).toEqual([]);
    await commandsWith(new NoSealing()).subscribe(requests);
    expect(await readable()).toEqual([...SECRET_KEYS, 'token'].toSorted());
  });

  it('files of before name them no more, and everybody is found', async () => {
    const plain = commandsWith(new NoSealing());
    const ended = { token: newAndroidToken(), sigTs: nowSeconds() };
    const kept = subscribeRequest(account, { ...ended, sigTs: ended.sigTs - 1 });
    await plain.subscribe([...requests, kept]);
    await plain.unsubscribe(unsubscribeRequest(account, ended));
    expect(await readable()).toEqual([...SECRET_KEYS, 'token'].toSorted());
    await sealWith(file);
    expect(await readable()).toEqual([]);
    await expectAllFound(sealing, kept);
  });

  it('a later data key reads what is of the earlier one, and everybody is found', async () => {
    const ended = { token: newAndroidToken(), sigTs: nowSeconds() };
    const kept = subscribeRequest(account, { ...ended, sigTs: ended.sigTs - 1 });
    await sealWith(file);
    await commandsWith(sealing).subscribe([...requests, kept]);
    await commandsWith(sealing).unsubscribe(unsubscribeRequest(account, ended));
    const [laterKey, laterFile] = [randomBytes(32), join(folder, 'later.key')];
    writeFileSync(laterFile, `${dataKey.toString('hex')}\n${laterKey.toString('hex')}\n`);
    await sealWith(laterFile);
    await expectAllFound(new KeyedSealing(dataKey, laterKey), kept);
    expect((await rawBytes(url)).includes(sealing.account(account.id))).toBe(false);
  });

  const sealWith = (keyFile: string): Promise<Sealing> =>
    sealDatabase(dataSource, keyFile, () => ({ advance: () => undefined, finish: () => undefined }));

  /** @param kept by somebody who wants to bring a subscription back that was ended */
  async function expectAllFound(used: Sealing, kept: SubscribeRequest): Promise<void> {
    const reports = [account, group].map(({ id }) => ({ account: id, namespace: 0 }));
    const found = await new SubscribersService(dataSource, used, new TrustedClock()).findFor(reports);
    const keysOf = (some: readonly (SubscribeRequest | undefined)[]) =>
      some.map((each) => String(each?.['enc_key'])).toSorted();
    expect(found.map((subscribers) => subscribers.map(({ encKey }) => encKey.toString('hex')).toSorted())).toEqual([
      keysOf([requests[0]]),
      keysOf([requests[1], requests[2]]),
    ]);
    const range = { first: 0, last: 65_535 };
    const { accounts } = await new WatchedAccountsService(dataSource, used, new TrustedClock()).pageOfAccounts(
      range,
      null,
      0,
    );
    const signatures = accounts.flatMap((each) => each.requests.map(({ signature }) => signature.toString('base64')));
    expect(signatures.toSorted()).toEqual(requests.map((each) => String(each['signature'])).toSorted());

    // What a phone renews or has ended is known under the sealed names too.
    expect(await commandsWith(used).subscribe([...requests, kept])).toEqual([
      ...requests.map(() => ({ success: true, updated: true, message: 'Resubscription successful' })),
      { error: 4, message: 'sig_ts is older than that of a request that was already carried out' },
    ]);
  }
});
