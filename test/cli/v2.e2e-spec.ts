import { type ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { V2Database } from '../../src/cli/v2/v2-database.js';
import { runCommand, runForJson } from '../support/command-line.js';
import { describeOneDatabase } from '../support/databases.js';
import { newAndroidToken, newHuaweiToken, newIosToken } from '../support/people.js';
import { describeWithPostgres, onPostgres } from '../support/private-postgres.js';
import { freePort } from '../support/private-server.js';
import { query } from '../support/query.js';
import { inFolder } from '../support/spawned-server.js';
import { newGroup, newMember, newSessionId, nowSeconds, subscribeRequest } from '../support/subscribing-phone.js';
import { addToV2, inOrder, makeV2Tables, readV2, v2Subscription, type V2Subscription } from '../support/v2-database.js';

const DAY = 86_400;

/** One of each kind that phones make. */
function everyKind(): V2Subscription[] {
  const group = newGroup();
  const [person, other] = [newSessionId(), newSessionId()];
  return [
    v2Subscription(subscribeRequest(person, { service: 'apns', token: newIosToken(), namespaces: [0, 2, 3, 4, 5] })),
    v2Subscription(subscribeRequest(person, { service: 'apns-sandbox', token: newIosToken(), data: false })),
    v2Subscription(
      subscribeRequest(other, { service: 'huawei', token: newHuaweiToken(), sigTs: nowSeconds() - 9 * DAY }),
    ),
    v2Subscription(subscribeRequest(group, { namespaces: [-11, 11, 12, 13, 14] })),
    v2Subscription(subscribeRequest(newMember(group), { namespaces: [-11, 11, 12, 13, 14] })),
  ];
}

/** As older versions of the server keep it. */
function withSubkey(subscription: V2Subscription, subkey: Buffer | null): V2Subscription {
  const columns = Object.entries(subscription).filter(([name]) => !name.startsWith('subaccount'));
  return { ...Object.fromEntries(columns), subkey_tag: subkey } as unknown as V2Subscription;
}

/** Phones of one account each. */
const phones = (count: number): V2Subscription[] =>
  Array.from({ length: count }, () => v2Subscription(subscribeRequest(newSessionId())));

describeWithPostgres("the existing push server's database", (postgres) => {
  describeOneDatabase('import-v2', (databases) => {
    let folder: string;
    let url: string;
    let theirs: string;
    const options = () => ({ folder, env: { DATABASE_URL: url } });
    const run = (...args: string[]) => runForJson(['import-v2', theirs, ...args], options());
    const stored = () =>
      query(
        url,
        'SELECT account, service, token, namespaces, wants_data, sig_ts FROM subscriptions ORDER BY account, token',
      );
    const storedForm = (subscriptions: readonly V2Subscription[]) =>
      inOrder(subscriptions).map(({ account, service, svcid, namespaces, want_data, signature_ts }) => ({
        account: account.toString('hex'),
        service,
        token: svcid,
        namespaces: namespaces.join(','),
        wants_data: want_data ? 1 : 0,
        sig_ts: signature_ts,
      }));

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'spns-v2-'));
    });
    beforeEach(async () => {
      [url, theirs] = [await databases.create(), await postgres.create()];
      await makeV2Tables(theirs);
      await runCommand(['migrate'], options());
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    it('brings the subscriptions of Session ids, groups and their members over, and export-v2 takes all of them back', async () => {
      const subscriptions = everyKind();
      await addToV2(theirs, subscriptions);
      expect(await run()).toEqual({ dryRun: false, rows: 5, imported: 5, updated: 0, present: 0, skipped: {} });
      expect(await stored()).toEqual(storedForm(subscriptions));
      const back = await postgres.create();
      expect(await runForJson(['export-v2', back], options())).toEqual({
        subscriptions: 5,
        otherServices: 0,
        damaged: 0,
      });
      expect(await readV2(back)).toEqual(inOrder(subscriptions));
    });

    it('seals what it brings, and export-v2 opens it', async () => {
      const dataKeyFile = join(folder, 'data.key');
      writeFileSync(dataKeyFile, randomBytes(32).toString('hex'), { mode: 0o600 });
      const sealed = { folder, env: { DATABASE_URL: await databases.create(), DATA_KEY_FILE: dataKeyFile } };
      await runCommand(['migrate'], sealed);
      const subscriptions = everyKind();
      await addToV2(theirs, subscriptions);
      await runForJson(['import-v2', theirs], sealed);
      const rows = JSON.stringify(
        await query(sealed.env.DATABASE_URL, 'SELECT account, token, signer FROM subscriptions'),
      );
      for (const { account, svcid } of subscriptions) {
        expect(rows).not.toContain(account.toString('hex'));
        expect(rows).not.toContain(svcid);
      }
      const back = await postgres.create();
      await runForJson(['export-v2', back], sealed);
      expect(await readV2(back)).toEqual(inOrder(subscriptions));
    });

    it('reads a database of older versions: owners sign, and what a subkey signed is over', async () => {
      theirs = await postgres.create();
      await makeV2Tables(theirs, 'subkeys');
      const [kept, lost] = phones(2) as [V2Subscription, V2Subscription];
      await addToV2(theirs, [withSubkey(kept, null), withSubkey(lost, randomBytes(32))]);
      expect(await run()).toMatchObject({
        imported: 1,
        skipped: { 'signed with a subkey, which storage nodes do not take any more': 1 },
      });
      expect(await stored()).toEqual(storedForm([kept]));
    });

    it('skips what /subscribe would refuse, and counts it by kind', async () => {
      const person = newSessionId();
      const make = (changes: Partial<V2Subscription>, sigTs = nowSeconds()) =>
        v2Subscription(subscribeRequest(newSessionId(), { sigTs }), changes);
      const member = v2Subscription(subscribeRequest(newMember(newGroup())));
      await addToV2(theirs, [
        v2Subscription(subscribeRequest(person)),
        make({}, nowSeconds() - 14 * DAY),
        make({}, nowSeconds() - 20 * DAY),
        make({}, nowSeconds() + 2 * DAY),
        make({ signature: randomBytes(64) }),
        make({ want_data: false }),
        make({ session_ed25519: null }),
        make({ account: Buffer.from(person.id, 'hex') }),
        { ...member, subaccount_sig: randomBytes(64) },
        { ...member, subaccount_sig: null, svcid: newAndroidToken() },
        make({ service: 'adm' }),
        make({ enc_key: randomBytes(16) }),
        make({ svcid: '' }),
        make({ service: 'apns', svcid: 'not hexadecimal' }),
        make({ namespaces: [] }),
      ]);
      expect(await run()).toEqual({
        dryRun: false,
        rows: 15,
        imported: 1,
        updated: 0,
        present: 0,
        skipped: {
          'Subscription: sig_ts timestamp is too old': 2,
          'Subscription: sig_ts timestamp is too far in the future': 1,
          'Signature verification failed': 2,
          "Missing required parameter 'session_ed25519'": 1,
          'session_ed25519 is not the key of this pubkey': 1,
          'Subaccount auth signature verification failed': 1,
          'with one half of a subaccount': 1,
          'of a service that is not known here': 1,
          'with an account, a key or a signature of another length': 1,
          'with a token that no phone can have': 2,
          'without namespaces, or with over 32': 1,
        },
      });
    });

    it('can be repeated: nothing doubles, what was signed later there comes over, and ours stays where it is as new', async () => {
      const [same, renewed, ours, ended] = Array.from({ length: 4 }, newSessionId).map((account) => ({
        account,
        token: newAndroidToken(),
      })) as [Phone, Phone, Phone, Phone];
      const signed = ({ account, token }: Phone, age: number) =>
        v2Subscription(subscribeRequest(account, { token, sigTs: nowSeconds() - age }));
      const before = [signed(same, 60), signed(renewed, 60), signed(ours, 60)];
      await addToV2(theirs, before);
      await run();
      const registered = () => query(url, `SELECT registered_at FROM subscriptions WHERE token = '${same.token}'`);
      const firstTime = await registered();

      const fingerprint = createHash('sha256')
        .update(`${ended.account.id} firebase ${ended.token}`)
        .digest('base64url');
      await query(
        url,
        `INSERT INTO ended_subscriptions (fingerprint, sig_ts) VALUES ('${fingerprint}', ${nowSeconds()})`,
      );
      const later = signed(renewed, 5);
      await addToV2(theirs, [later, signed(ours, 120), signed(ended, 30)]);
      expect(await run()).toEqual({ dryRun: false, rows: 4, imported: 0, updated: 1, present: 3, skipped: {} });
      const [, , oursBefore] = before;
      expect(await stored()).toEqual(storedForm([before[0], later, oursBefore] as V2Subscription[]));
      expect(await registered()).toEqual(firstTime);
    });

    it('keeps nothing of a dry run, and tells the figures of the real one', async () => {
      await addToV2(theirs, [...everyKind(), v2Subscription(subscribeRequest(newSessionId(), { service: 'adm' }))]);
      const tried = await run('--dry-run');
      expect(await stored()).toEqual([]);
      expect({ ...(tried as object), dryRun: false }).toEqual(await run());
      expect(await stored()).toHaveLength(5);
    });

    it(
      'goes through more than fits into its memory at once, and divides no account',
      { timeout: 180_000 },
      async () => {
        const [crowd, others] = [newGroup(), phones(1500)];
        const members = Array.from({ length: 1500 }, () => v2Subscription(subscribeRequest(crowd)));
        await addToV2(theirs, [...others, ...members]);
        expect(await run()).toMatchObject({ rows: 3000, imported: 3000, skipped: {} });
        // A group has room for a thousand.
        expect(await query(url, 'SELECT COUNT(*) AS n FROM subscriptions')).toEqual([{ n: 2500 }]);
      },
    );

    it('ends as if nothing had been, when it is killed in the middle and run again', { timeout: 300_000 }, async () => {
      const subscriptions = phones(6000);
      await addToV2(theirs, subscriptions);
      const count = async () => Number((await query(url, 'SELECT COUNT(*) AS n FROM subscriptions'))[0]?.['n']);
      let inTheMiddle = 0;
      const onSpawn = (child: ChildProcess) =>
        void (async () => {
          while (child.exitCode === null && (inTheMiddle = await count()) === 0) await sleep(5);
          child.kill('SIGKILL');
        })();
      expect((await runCommand(['import-v2', theirs], { ...options(), onSpawn })).code).toBe(null);
      expect(inTheMiddle).toBeGreaterThan(0);
      expect(await count()).toBeLessThan(subscriptions.length);
      expect(await run()).toMatchObject({ rows: subscriptions.length, skipped: {} });
      expect(await stored()).toEqual(
        storedForm(subscriptions).toSorted((one, other) => (one.account < other.account ? -1 : 1)),
      );
    });

    it('reads page by page from a cursor that Postgres keeps', { timeout: 180_000 }, async () => {
      await addToV2(theirs, phones(2100));
      const database = await V2Database.open(theirs);
      try {
        await database.reading(async () => {
          const pages = database.pages();
          expect((await pages.next()).value).toHaveLength(2048);
          const statements = await onPostgres(theirs, (client) =>
            client.query<{ query: string }>(
              "SELECT query FROM pg_stat_activity WHERE application_name = 'session-push' AND datname = current_database()",
            ),
          );
          expect(statements.rows).toEqual([{ query: 'FETCH 2048 FROM rows_by_account' }]);
          expect((await pages.next()).value).toHaveLength(52);
          expect((await pages.next()).done).toBe(true);
        });
      } finally {
        await database.close();
      }
    });

    it('sees one moment of a database that is written meanwhile, and waits for nobody', async () => {
      const [before, uncommitted] = phones(2) as [V2Subscription, V2Subscription];
      await addToV2(theirs, [before]);
      const writer = new pg.Client({ connectionString: theirs });
      await writer.connect();
      await writer.query('BEGIN');
      await writer.query('UPDATE subscriptions SET want_data = NOT want_data');
      await writer.query(
        'INSERT INTO subscriptions (account, signature, signature_ts, want_data, enc_key, service, svcid) VALUES ($1, $2, 0, true, $3, $4, $5)',
        [uncommitted.account, uncommitted.signature, uncommitted.enc_key, 'firebase', uncommitted.svcid],
      );
      expect(await run()).toMatchObject({ rows: 1, imported: 1 });
      await writer.query('ROLLBACK');
      await writer.end();
    });

    it('tells people what became of the rows, and nothing about anybody', async () => {
      const subscriptions = [...everyKind(), v2Subscription(subscribeRequest(newSessionId(), { service: 'adm' }))];
      await addToV2(theirs, subscriptions);
      const { stdout, stderr } = await runCommand(['import-v2', theirs], options());
      expect(stderr).toBe('');
      expect(stdout.split('\n')).toEqual([
        'Subscriptions: 6 rows',
        '            5 imported',
        '            1 skipped: of a service that is not known here',
        '',
      ]);
    });

    it('leaves what is over out of the export, and fills empty tables that are there', async () => {
      const [kept, over] = phones(2) as [V2Subscription, V2Subscription];
      await addToV2(theirs, [kept, over]);
      await run();
      await query(url, `UPDATE subscriptions SET sig_ts = ${nowSeconds() - 14 * DAY} WHERE token = '${over.svcid}'`);
      const back = await postgres.create();
      await makeV2Tables(back);
      const { stdout } = await runCommand(['export-v2', back], options());
      expect(stdout).toBe('Exported 1 subscriptions.\n');
      expect(await readV2(back)).toEqual([kept]);
      // The existing server goes on with ids of its own.
      await addToV2(back, phones(1));
      expect(await readV2(back)).toHaveLength(2);
    });

    it('writes into no database that holds subscriptions already', async () => {
      const subscriptions = phones(1);
      await addToV2(theirs, subscriptions);
      await run();
      const { code, stderr } = await runCommand(['export-v2', theirs], options());
      expect([code, stderr]).toEqual([
        1,
        'There are subscriptions in this database already, and it is not overwritten.\n',
      ]);
      expect(await readV2(theirs)).toEqual(subscriptions);
    });
  });

  describe('when it cannot be used', () => {
    const fails = (address: string) =>
      inFolder(async (folder) => {
        await runCommand(['migrate'], { folder });
        const { code, stderr } = await runCommand(['import-v2', address], { folder });
        expect(code).toBe(1);
        expect(stderr).not.toContain(address);
        return stderr;
      });
    const changed = (address: string, change: (url: URL) => void): string => {
      const url = new URL(address);
      change(url);
      return url.href;
    };

    it('says that nobody listens there', async () => {
      expect(await fails(`postgres://spns@127.0.0.1:${await freePort()}/spns`)).toMatch(/^Postgres cannot be reached/);
    });

    it('says that somebody listens there who does not answer', { timeout: 60_000 }, async () => {
      const silent = createServer().listen(0, '127.0.0.1');
      const port = await new Promise<number>((resolve) =>
        silent.once('listening', () => resolve((silent.address() as { port: number }).port)),
      );
      expect(await fails(`postgres://spns@127.0.0.1:${port}/spns`)).toMatch(/^Postgres cannot be reached/);
      silent.close();
    });

    it('says that the password is wrong, that there is no such database, and that it is of something else', async () => {
      const address = await postgres.create();
      expect(await fails(changed(address, (url) => void (url.password = 'wrong')))).toMatch(
        /^Postgres refuses the login/,
      );
      expect(await fails(changed(address, (url) => void (url.pathname = '/nothing')))).toMatch(/no such database/);
      expect(await fails(address)).toMatch(/^This is not the push server's database/);
      await onPostgres(address, (client) => client.query('CREATE TABLE subscriptions (id bigint, account bytea)'));
      expect(await fails(address)).toMatch(/^This is not the push server's database/);
    });

    it('says that its user may not read the tables', async () => {
      const address = await postgres.create();
      await makeV2Tables(address);
      const user = `reader_${randomBytes(4).toString('hex')}`;
      await onPostgres(address, (client) => client.query(`CREATE ROLE ${user} LOGIN PASSWORD 'secret'`));
      const theirs = changed(address, (url) => {
        url.username = user;
        url.password = 'secret';
      });
      expect(await fails(theirs)).toMatch(/^This Postgres user lacks a privilege/);
    });
  });
});

interface Phone {
  readonly account: ReturnType<typeof newSessionId>;
  readonly token: string;
}
