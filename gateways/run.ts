import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startApnsGateway } from './apns.gateway.js';
import { writeCredentials } from './certificates.js';
import { startControl } from './control.js';
import { gatewayEnvironment } from './environment.js';
import { startFcmGateway } from './fcm.gateway.js';
import { assertPortsFree, UnusablePort } from './free-ports.js';
import { startHuaweiGateway } from './huawei.gateway.js';
import { keptCredentials, UnusableFolder, writeInto } from './kept-credentials.js';
import { startWebPushGateway } from './webpush.gateway.js';
import { type ReceivedPush } from './recorder.js';
import { type StoredMessage } from './swarm/messages.js';
import { startSwarmNetwork } from './swarm/network.js';

const HELP = `Runs stand-in APNs, FCM, HMS and Web Push servers and a Session network of three swarms on the loopback until Ctrl-C.

  npm run gateways -- [--port-base N] [--dir D]

  --port-base N  APNs listens on N, FCM on N+1, HMS on N+2, the network's oxend on N+3, the control on N+4,
                 Web Push on N+5
                 (default: any free ports; storage nodes always)
  --dir D        folder for the throw-away credentials: the next start with it has the same keys and ids
                 (default: a temporary folder, removed at the end)
  --help         this text
`;

/** In the order of their ports. */
const LISTENERS = ['APNs', 'FCM', 'HMS', 'oxend', 'the control', 'Web Push'] as const;
const HIGHEST_BASE = 65_535 - LISTENERS.length + 1;

class UsageError extends Error {}

interface RunOptions {
  /** Null = any free ports. */
  readonly base: number | null;
  /** Null = a temporary one. */
  readonly dir: string | null;
}

try {
  const options = readOptions();
  if (options === 'help') process.stdout.write(HELP);
  else await run(options);
} catch (error) {
  if (!(error instanceof UsageError || error instanceof UnusableFolder || error instanceof UnusablePort)) throw error;
  process.stderr.write(`${error.message}\n`);
  // What listens already would keep it.
  process.exit(error instanceof UsageError ? 2 : 1);
}

function readOptions(): RunOptions | 'help' {
  const { values } = parsed();
  if (values.help) return 'help';
  const { 'port-base': port, dir } = values;
  const base = port === undefined ? null : Number(port);
  if (base !== null && !(Number.isInteger(base) && base > 0 && base <= HIGHEST_BASE)) {
    throw new UsageError(`--port-base must be a port number, 1 to ${HIGHEST_BASE}.`);
  }
  return { base, dir: dir === undefined ? null : resolve(dir) };
}

function parsed() {
  try {
    return parseArgs({
      options: { 'port-base': { type: 'string' }, dir: { type: 'string' }, help: { type: 'boolean' } },
    });
  } catch (error) {
    const [sentence = ''] = (error as Error).message.split(/\. |\n/);
    throw new UsageError(`${sentence}; --help lists the options.`);
  }
}

async function run({ base, dir: wanted }: RunOptions): Promise<void> {
  const stop = stopSignal();
  const portOf = (listener: (typeof LISTENERS)[number]) => (base === null ? 0 : base + LISTENERS.indexOf(listener));
  if (base !== null) await assertPortsFree(LISTENERS.map((listener) => [listener, portOf(listener)]));
  const dir = wanted ?? temporaryFolder();
  const { credentials, nodeSeeds } = await keptCredentials(dir);
  const options = (provider: 'APNs' | 'FCM' | 'HMS' | 'Web Push') => ({
    credentials,
    port: portOf(provider),
    record: false,
    onPush: (push: ReceivedPush) => print(provider, push),
  });
  const apns = await startApnsGateway(options('APNs'));
  const fcm = await startFcmGateway(options('FCM'));
  const huawei = await startHuaweiGateway(options('HMS'));
  const webpush = await startWebPushGateway(options('Web Push'));
  const files = writeInto(dir, () => writeCredentials(dir, credentials, fcm.tokenUri));
  const network = await startSwarmNetwork({ port: portOf('oxend'), nodeSeeds, onStore: printStored });
  const control = await startControl({ apns, fcm, huawei, webpush, network }, portOf('the control'));

  process.stdout.write('# Environment of the server that is to push here:\n');
  const environment = { ...gatewayEnvironment(files, { apns, fcm, huawei, webpush }), ...network.environment };
  for (const [name, value] of Object.entries(environment)) {
    process.stdout.write(`${name}=${quoted(value)}\n`);
  }
  process.stdout.write(
    '# Instead of APNS_TOKEN_*, a certificate:\n' +
      `# APNS_CERT_FILE=${quoted(files.apnsCertFile)}\n# APNS_CERT_KEY_FILE=${quoted(files.apnsCertKeyFile)}\n` +
      `# Faults, dead tokens and stored messages (GET it for how):\n# CONTROL_URL=${control.url}\n\n`,
  );

  await stop;
  await Promise.all([apns, fcm, huawei, webpush, network, control].map((one) => one.close()));
}

/** Comes with the first signal, or when nobody reads what is printed any more; a second signal ends the process at once. */
function stopSignal(): Promise<void> {
  return new Promise((stop) => {
    let asked = false;
    const ask = () => {
      if (asked) process.exit(1);
      asked = true;
      stop();
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, ask);
    process.stdout.on('error', () => stop());
  });
}

/** Removed however the process ends, unless it is killed. */
function temporaryFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'push-gateways-'));
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** As a line of `.env` needs it. */
function quoted(value: string): string {
  return /[\s#'`\\]/.test(value) ? `"${value}"` : value;
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
function shortened(token: string): string {
  return (URL.canParse(token) ? token.slice(token.lastIndexOf('/') + 1) : token).slice(0, 8);
}
