import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startApnsGateway } from './apns.gateway.js';
import { makeCredentials, writeCredentials } from './certificates.js';
import { startControl } from './control.js';
import { gatewayEnvironment } from './environment.js';
import { startFcmGateway } from './fcm.gateway.js';
import { startHuaweiGateway } from './huawei.gateway.js';
import { startWebPushGateway } from './webpush.gateway.js';
import { type ReceivedPush } from './recorder.js';
import { type StoredMessage } from './swarm/messages.js';
import { startSwarmNetwork } from './swarm/network.js';

const HELP = `Runs stand-in APNs, FCM, HMS and Web Push servers and a Session network of three swarms on the loopback until Ctrl-C.

  tsx gateways/run.ts [--port-base N] [--dir D]

  --port-base N  APNs listens on N, FCM on N+1, HMS on N+2, the network's oxend on N+3, the control on N+4,
                 Web Push on N+5
                 (default: any free ports; storage nodes always)
  --dir D        folder for the throw-away credentials (default: a new temporary folder)
  --help         this text
`;

const { values } = parseArgs({
  options: { 'port-base': { type: 'string' }, dir: { type: 'string' }, help: { type: 'boolean' } },
});
const portBase = values['port-base'] === undefined ? null : Number(values['port-base']);

if (values.help) {
  process.stdout.write(HELP);
} else if (portBase !== null && !(Number.isInteger(portBase) && portBase > 0 && portBase < 65_531)) {
  process.stderr.write(`--port-base must be a port number\n\n${HELP}`);
  process.exitCode = 2;
} else {
  await run(portBase, values.dir === undefined ? mkdtempSync(join(tmpdir(), 'push-gateways-')) : resolve(values.dir));
}

async function run(base: number | null, dir: string): Promise<void> {
  const credentials = await makeCredentials();
  const portOf = (offset: number) => (base === null ? 0 : base + offset);
  const options = (provider: string, offset: number) => ({
    credentials,
    port: portOf(offset),
    record: false,
    onPush: (push: ReceivedPush) => print(provider, push),
  });
  const apns = await startApnsGateway(options('APNs', 0));
  const fcm = await startFcmGateway(options('FCM', 1));
  const huawei = await startHuaweiGateway(options('HMS', 2));
  const webpush = await startWebPushGateway(options('Web Push', 5));
  const files = writeCredentials(dir, credentials, fcm.tokenUri);
  const network = await startSwarmNetwork({ port: portOf(3), onStore: printStored });
  const control = await startControl({ apns, fcm, huawei, webpush, network }, portOf(4));

  process.stdout.write('# Environment of the server that is to push here:\n');
  const environment = { ...gatewayEnvironment(files, { apns, fcm, huawei, webpush }), ...network.environment };
  for (const [name, value] of Object.entries(environment)) {
    process.stdout.write(`${name}=${value}\n`);
  }
  process.stdout.write(
    '# Instead of APNS_TOKEN_*, a certificate:\n' +
      `# APNS_CERT_FILE=${files.apnsCertFile}\n# APNS_CERT_KEY_FILE=${files.apnsCertKeyFile}\n` +
      `# Faults, dead tokens and stored messages (GET it for how):\n# CONTROL_URL=${control.url}\n\n`,
  );

  const all = [apns, fcm, huawei, webpush, network, control];
  const stop = () => void Promise.all(all.map((one) => one.close()));
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
}

function printStored({ account, namespace, data }: StoredMessage, swarmId: bigint): void {
  process.stdout.write(
    `${new Date().toISOString()} stored in swarm ${swarmId.toString(16)} for ${account.toString('hex', 0, 4)}... ` +
      `namespace ${namespace} ${data.length} bytes\n`,
  );
}

function print(provider: string, { token, rawBody, body, at }: ReceivedPush): void {
  process.stdout.write(
    `${new Date(at).toISOString()} ${provider} ${shortened(token)}... ${rawBody.length} bytes ${JSON.stringify(body)}\n`,
  );
}

/** The end of an endpoint, of which the beginning is the same for all. */
const shortened = (token: string): string =>
  (URL.canParse(token) ? token.slice(token.lastIndexOf('/') + 1) : token).slice(0, 8);
