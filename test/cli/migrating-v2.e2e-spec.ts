import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { type SwarmNetwork, startSwarmNetwork } from '../../gateways/swarm/network.js';
import { runCommand, runForJson } from '../support/command-line.js';
import { describeEachDatabase } from '../support/databases.js';
import { startGateways, type TestGateways } from '../support/gateways.js';
import { commandsOfGuide } from '../support/guide.js';
import { OnionHttpClient } from '../support/onion-http.js';
import { openPush } from '../support/opened-push.js';
import { newAndroidToken } from '../support/people.js';
import { describeWithPostgres } from '../support/private-postgres.js';
import { ReverseProxy } from '../support/reverse-proxy.js';
import { inFolder, spawnServer, type SpawnedServer } from '../support/spawned-server.js';
import {
  newSessionId,
  nowSeconds,
  type SubscribeRequest,
  subscribeRequest,
  unsubscribeRequest,
} from '../support/subscribing-phone.js';
import { V2Server } from '../support/v2-server.js';
import { addToV2, inOrder, makeV2Tables, readV2, v2Subscription, type V2Subscription } from '../support/v2-database.js';

const [IMPORTED, EXPORTED] = ['postgres://spns@localhost/spns', 'postgres://spns@localhost/spns_new'];

/** A phone that subscribed at the old server some days ago. */
const oldSubscription = (): V2Subscription =>
  v2Subscription(subscribeRequest(newSessionId(), { sigTs: nowSeconds() - 3 * 86_400 }));

describeWithPostgres('docs/migrating.md', (postgres) => {
  describeEachDatabase('from the existing push server', (databases) => {
    let gateways: TestGateways;
    let network: SwarmNetwork;
    beforeAll(async () => {
      gateways = await startGateways();
      network = await startSwarmNetwork();
    });
    afterAll(async () => {
      await network.close();
      await gateways.close();
    });

    /** Waits until the network knows, then stores a message and opens the push that comes of it. */
    const expectPush = async ({ account, svcid, enc_key }: V2Subscription): Promise<void> => {
      const members = network.membersOf(account);
      const told = () => members.every(({ node }) => node.subscriptions.of(account).length > 0);
      await expect.poll(told, { timeout: 30_000 }).toBe(true);
      const hash = await network.store(account, 0, Buffer.from('hello'));
      const push = await gateways.fcm.waitForPush(({ token }) => token === svcid);
      const { metadata, data } = openPush(enc_key, String(push.body.message.data?.['enc_payload']));
      expect([metadata['#'], data?.toString()]).toEqual([hash, 'hello']);
    };

    it('leads to this one without silence, and back', { timeout: 180_000 }, async () => {
      await inFolder(async (folder) => {
        const [theirs, back] = [await postgres.create(), await postgres.create()];
        await makeV2Tables(theirs);
        const early = Array.from({ length: 100 }, oldSubscription);
        const leaving = { account: newSessionId(), token: newAndroidToken() };
        const left = subscribeRequest(leaving.account, { token: leaving.token, sigTs: nowSeconds() - 3 * 86_400 });
        await addToV2(theirs, [...early, v2Subscription(left)]);
        const keyFile = join(folder, 'onionreq_x25519');
        const { stdout: publicKey } = await runCommand(['keygen', '--file', keyFile], { folder });
        // As the old server keeps it.
        const key = Buffer.from(readFileSync(keyFile, 'utf8'), 'hex');
        writeFileSync(keyFile, key);
        const old = await V2Server.start(key, theirs);
        const proxy = await ReverseProxy.start(null, old.url);
        const app = new OnionHttpClient(proxy.url, publicKey.trim());
        /** A phone subscribes; its app knows the address of the proxy and the key. */
        const subscribe = async (request: SubscribeRequest): Promise<V2Subscription> => {
          expect((await app.ask('/subscribe', request)).body).toMatchObject({ success: true });
          return v2Subscription(request);
        };
        const newSubscription = () => subscribeRequest(newSessionId(), { token: newAndroidToken() });
        const atOld = await subscribe(newSubscription());
        onTestFinished(async () => void (await Promise.all([proxy.close(), old.close()])));
        const env: Record<string, string> = {
          ...gateways.environment,
          ...network.environment,
          DATABASE_URL: await databases.create(),
          ONION_PRIVATE_KEY_FILE: keyFile,
        };

        let server: SpawnedServer | undefined;
        const outputs: [command: string, output: string][] = [];
        const meanwhile: V2Subscription[] = [];
        const afterwards: V2Subscription[] = [];
        const account = newSessionId();
        const token = newAndroidToken();
        const here = subscribeRequest(account, { token });
        for (const { args, input } of commandsOfGuide('existing')) {
          if (args[0] === 'send') {
            server = await spawnServer(env, folder);
            env['PORT'] = new URL(server.start.address).port;
          } else if (args[0] === 'export-v2') await server?.process.stop();
          const { code, stdout, stderr } = await runCommand(
            args.map((argument) => ({ [IMPORTED]: theirs, [EXPORTED]: back })[argument] ?? argument),
            { folder, env, input },
          );
          expect({ command: args.join(' '), code, stderr }).toMatchObject({ code: 0, stderr: '' });
          outputs.push([args.join(' '), stdout]);
          if (args[0] === 'send' && server) {
            await expectPush(early[0] as V2Subscription);
            // Phones go on subscribing, at the old server until the proxy leads to this one; one of them at both.
            meanwhile.push(await subscribe(newSubscription()), await subscribe(newSubscription()));
            await subscribe(subscribeRequest(account, { token, sigTs: nowSeconds() - 60 }));
            proxy.leadTo(server.start.address);
            afterwards.push(await subscribe(here), await subscribe(newSubscription()));
            // It does not come back with the second import.
            const gone = unsubscribeRequest(leaving.account, { token: leaving.token });
            expect((await app.ask('/unsubscribe', gone)).body).toMatchObject({ success: true, removed: true });
          } else if (server && outputs.length === 7) {
            await server.process.stop();
            // What the nodes keep of the ended process would pass for the new one's: its routing id is the same.
            for (const node of network.nodes) node.subscriptions.clear();
            server = await spawnServer(env, folder);
            await old.close();
            afterwards.push(await subscribe(newSubscription()));
            await expectPush(afterwards[1] as V2Subscription);
            await expectPush(meanwhile[0] as V2Subscription);
            await expectPush(atOld);
          }
        }

        const of = (command: string) => outputs.flatMap(([name, output]) => (name === command ? [output] : []));
        expect(outputs).toHaveLength(8);
        expect(of('pubkey')).toEqual([publicKey]);
        expect(of(`import-v2 ${IMPORTED} --dry-run`)[0]).toContain('102 would be imported');
        const [first, second] = of(`import-v2 ${IMPORTED}`);
        expect(first).toContain('102 imported');
        expect(second).toMatch(/ 2 imported\n +103 already there/);
        expect(await readV2(back)).toEqual(inOrder([...early, atOld, ...meanwhile, ...afterwards]));

        // The way back: the old server runs on what was exported.
        const oldAgain = await V2Server.start(key, back);
        onTestFinished(() => oldAgain.close());
        proxy.leadTo(oldAgain.url);
        const returned = await subscribe(newSubscription());
        expect(await readV2(back)).toContainEqual(returned);
        expect(new Set(proxy.asked)).toEqual(new Set(['/oxen/v4/lsrpc']));

        // And once more into an empty database, from what went back.
        const again = { folder, env: { ...env, DATABASE_URL: await databases.create() } };
        await runCommand(['migrate'], again);
        expect(await runForJson(['import-v2', back], again)).toMatchObject({ imported: 107, skipped: {} });
      });
    });
  });
});
