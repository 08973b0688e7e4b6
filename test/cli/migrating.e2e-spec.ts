import { mkdirSync, copyFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCommand, runForJson } from '../support/command-line.js';
import { describeEachDatabase } from '../support/databases.js';
import { startGateways, type TestGateways } from '../support/gateways.js';
import { commandsOfGuide } from '../support/guide.js';
import { newData } from '../support/people.js';
import { inFolder, spawnServer, type SpawnedServer } from '../support/spawned-server.js';
import { generateV1Content, makeV1Database, readV1Database } from '../support/v1-database.js';

describeEachDatabase('docs/migrating.md', (databases) => {
  let gateways: TestGateways;
  beforeAll(async () => {
    gateways = await startGateways();
  });
  afterAll(() => gateways.close());

  it('leads from the original server to this one and back', { timeout: 120_000 }, async () => {
    await inFolder(async (folder) => {
      const v1 = join(folder, 'v1');
      const file = join(v1, 'session_pn_server.db');
      const content = generateV1Content(100);
      mkdirSync(v1);
      makeV1Database(file, content);
      copyFileSync(file, join(v1, 'session_pn_server_backup.db'));
      const keyFile = join(v1, 'x25519-priv.pem');
      const { stdout: publicKey } = await runCommand(['keygen', '--file', keyFile], { folder });
      const env: Record<string, string> = {
        ...gateways.environment,
        DATABASE_URL: await databases.create(),
        ONION_PRIVATE_KEY_FILE: keyFile,
      };

      let server: SpawnedServer | undefined;
      const outputs = new Map<string, string>();
      for (const { args, input } of commandsOfGuide('original')) {
        if (args[0] === 'send') {
          server = await spawnServer(env, folder);
          env['PORT'] = new URL(server.start.address).port;
        } else if (args[0] === 'export-v1') await server?.process.stop();
        const { code, stdout, stderr } = await runCommand(
          args.map((argument) => argument.replace('/srv/v1', v1)),
          { folder, env, input },
        );
        expect({ command: args.join(' '), code, stderr }).toMatchObject({ code: 0, stderr: '' });
        outputs.set(args.join(' '), stdout);
        if (args[0] === 'send' && server) await expectPushes(server, content.tokens, gateways);
      }

      expect([...outputs.keys()]).toHaveLength(8);
      expect(outputs.get('pubkey')).toBe(publicKey);
      expect(outputs.get('devices count')).toMatch(/^Session ids +100$/m);
      const exported = join(v1, 'session_pn_server.new.db');
      expect(readV1Database(exported).tokens).toHaveLength(100);

      // And once more into an empty database, from what came back.
      renameSync(exported, file);
      const again = { folder, env: { ...env, DATABASE_URL: await databases.create() } };
      await runCommand(['migrate'], again);
      expect(await runForJson(['import-v1', file], again)).toMatchObject({
        devices: { imported: 100 },
        members: { imported: 50 },
      });
    });
  });
});

async function expectPushes(
  { onion }: SpawnedServer,
  tokens: readonly (readonly [id: unknown, token: unknown, ...rest: unknown[]])[],
  { fcm }: TestGateways,
): Promise<void> {
  const [id, token] = tokens[0] ?? [];
  const data = newData();
  await onion.send('notify', { send_to: String(id), data });
  const push = await fcm.waitForPush((candidate) => candidate.token === token);
  expect(push.body.message.data).toEqual({ ENCRYPTED_DATA: data });
}
