import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DEFAULT_TOPIC } from '../../gateways/certificates.js';
import { startSwarmNetwork, type SwarmNetwork } from '../../gateways/swarm/network.js';
import { runCommand } from '../support/command-line.js';
import { startGateways, type TestGateways } from '../support/gateways.js';
import { ReverseProxy } from '../support/reverse-proxy.js';
import { inFolder, type SpawnedServer, spawnServer } from '../support/spawned-server.js';

/** The lines of the page's code blocks, without their language. */
const lines = [...readFileSync('docs/forks.md', 'utf8').matchAll(/^```\n(.*?)^```$/gms)].flatMap(([, block = '']) =>
  block.trim().split('\n'),
);
const SETTING = /^(?<name>[A-Z_]+)=(?<value>.*)$/;
const settings = lines.flatMap((line) => {
  const { name, value } = SETTING.exec(line)?.groups ?? {};
  return name === undefined || value === undefined ? [] : [{ name, value }];
});
const CALL = 'npm run -s cli -- ';
const commands = lines.filter((line) => line === 'npm start' || line.startsWith(CALL));
const PUBLIC_NAME = 'https://push.example.org';

let gateways: TestGateways;
let network: SwarmNetwork;
beforeAll(async () => {
  gateways = await startGateways();
  network = await startSwarmNetwork();
});
afterAll(async () => {
  await Promise.all([gateways.close(), network.close()]);
});

/** What the page says, with the keys and names that the stand-ins know; files lie where it says. */
function writeSettings(folder: string): void {
  const { files } = gateways;
  const sources: Readonly<Record<string, string>> = {
    APNS_TOKEN_KEY_FILE: files.apnsTokenKeyFile,
    FCM_SERVICE_ACCOUNT_FILE: files.serviceAccountFile,
  };
  const values: Readonly<Record<string, string>> = {
    ...network.environment,
    APNS_TOKEN_KEY_ID: files.keyId,
    APNS_TOKEN_TEAM_ID: files.teamId,
    APNS_TOPIC: DEFAULT_TOPIC,
    HUAWEI_APP_ID: files.huaweiAppId,
  };
  for (const { name, value } of settings.filter((setting) => setting.name.endsWith('_FILE'))) {
    mkdirSync(dirname(join(folder, value)), { recursive: true });
    const source = sources[name];
    if (source === undefined) writeFileSync(join(folder, value), files.huaweiAppSecret);
    else copyFileSync(source, join(folder, value));
  }
  const env = settings.map(({ name, value }) => `${name}=${values[name] ?? value}`);
  writeFileSync(join(folder, '.env'), `${env.join('\n')}\n`);
}

/** Where the stand-ins are, whose certificates nobody else would trust. */
function surroundings(): Record<string, string> {
  const { environment, files } = gateways;
  const isPlace = ([name]: [string, string]) => /^(APNS|FCM|HUAWEI)_.*(URL|CA_FILE)$/.test(name);
  return {
    ...Object.fromEntries(Object.entries(environment).filter(isPlace)),
    NODE_EXTRA_CA_CERTS: files.caFile,
  };
}

it('docs/forks.md leads from an empty folder to a server that a fork’s app can use', { timeout: 180_000 }, async () => {
  expect(settings.map(({ name }) => name)).toEqual([
    ...['NODE_LIST', 'APNS_TOKEN_KEY_FILE', 'APNS_TOKEN_KEY_ID', 'APNS_TOKEN_TEAM_ID', 'APNS_TOPIC'],
    ...['FCM_SERVICE_ACCOUNT_FILE', 'HUAWEI_APP_ID', 'HUAWEI_APP_SECRET_FILE'],
  ]);
  await inFolder(async (folder) => {
    let env: Record<string, string> = {};
    let server: SpawnedServer | undefined;
    let front: ReverseProxy | undefined;
    let publicKey = '';
    let answer = '';
    for (const command of commands) {
      if (command === 'npm start') {
        server = await spawnServer(env, folder);
        front = await ReverseProxy.start(gateways.credentials.server, server.start.address);
        continue;
      }
      const words = command.slice(CALL.length).match(/'[^']*'|\S+/g) ?? [];
      const args = words.map((word) =>
        word === 'KEY' ? publicKey : word === PUBLIC_NAME ? (front?.url ?? word) : word.replaceAll("'", ''),
      );
      const { code, stdout, stderr } = await runCommand(args, { folder, env });
      const problem = code === 0 ? '' : stdout + stderr;
      expect({ command, code, problem }).toEqual({ command, code: 0, problem: '' });
      if (args[0] === 'keygen') {
        publicKey = /\b[0-9a-f]{64}\b/.exec(stdout)?.[0] ?? '';
        writeSettings(folder);
        env = surroundings();
      }
      answer = stdout;
    }
    await front?.close();
    await server?.process.stop();
    expect(commands.map((command) => command.replace(CALL, '').split(' ')[0])).toEqual([
      ...['keygen', 'check', 'npm', 'check', 'send'],
    ]);
    expect(server?.start.publicKey).toBe(publicKey);
    expect(JSON.parse(answer)).toMatchObject({
      status: 200,
      body: { services: ['apns', 'apns-sandbox', 'firebase', 'huawei'] },
    });
  });
});
