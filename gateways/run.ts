import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startApnsGateway } from './apns.gateway.js';
import { makeCredentials, writeCredentials } from './certificates.js';
import { gatewayEnvironment } from './environment.js';
import { startFcmGateway } from './fcm.gateway.js';
import { startHuaweiGateway } from './huawei.gateway.js';
import { type ReceivedPush } from './recorder.js';

const HELP = `Runs stand-in APNs, FCM and HMS servers on the loopback until Ctrl-C.

  tsx gateways/run.ts [--port-base N] [--dir D]

  --port-base N  APNs listens on N, FCM on N+1, HMS on N+2 (default: any free ports)
  --dir D        folder for the throw-away credentials (default: a new temporary folder)
  --help         this text
`;

const { values } = parseArgs({
  options: { 'port-base': { type: 'string' }, dir: { type: 'string' }, help: { type: 'boolean' } },
});
const portBase = values['port-base'] === undefined ? null : Number(values['port-base']);

if (values.help) {
  process.stdout.write(HELP);
} else if (portBase !== null && !(Number.isInteger(portBase) && portBase > 0 && portBase < 65_534)) {
  process.stderr.write(`--port-base must be a port number\n\n${HELP}`);
  process.exitCode = 2;
} else {
  await run(portBase, values.dir === undefined ? mkdtempSync(join(tmpdir(), 'push-gateways-')) : resolve(values.dir));
}

async function run(base: number | null, dir: string): Promise<void> {
  const credentials = await makeCredentials();
  const options = (provider: string, offset: number) => ({
    credentials,
    port: base === null ? 0 : base + offset,
    record: false,
    onPush: (push: ReceivedPush) => print(provider, push),
  });
  const apns = await startApnsGateway(options('APNs', 0));
  const fcm = await startFcmGateway(options('FCM', 1));
  const huawei = await startHuaweiGateway(options('HMS', 2));
  const files = writeCredentials(dir, credentials, fcm.tokenUri);

  process.stdout.write('# Environment of the server that is to push here:\n');
  for (const [name, value] of Object.entries(gatewayEnvironment(files, { apns, fcm, huawei }))) {
    process.stdout.write(`${name}=${value}\n`);
  }
  process.stdout.write(
    '# Instead of APNS_TOKEN_*, a certificate:\n' +
      `# APNS_CERT_FILE=${files.apnsCertFile}\n# APNS_CERT_KEY_FILE=${files.apnsCertKeyFile}\n\n`,
  );

  const stop = () => void Promise.all([apns.close(), fcm.close(), huawei.close()]);
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
}

function print(provider: string, { token, rawBody, at }: ReceivedPush): void {
  process.stdout.write(
    `${new Date(at).toISOString()} ${provider} ${token.slice(0, 8)}... ${rawBody.length} bytes ${rawBody.toString()}\n`,
  );
}
