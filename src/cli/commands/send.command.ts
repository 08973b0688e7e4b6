import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import { text as readStream } from 'node:stream/consumers';
import { loadConfig } from '../../config/app-config.js';
import { type EncType } from '../../onion/protocol/ciphers.js';
import { isJsonObject, type JsonObject } from '../../onion/protocol/json.js';
import { decodeHexKey } from '../../onion/protocol/key-encodings.js';
import { type OnionReply, type OnionVersion, openReply, sealRequest } from '../../onion/protocol/onion-client.js';
import { CliError } from '../cli-error.js';
import { examples, print } from '../output.js';
import { readPublicKey } from './key.command.js';

/** As long as a service node waits. */
const TIMEOUT_MS = 25_000;

interface SendOptions {
  url?: string;
  publicKey?: Buffer;
  onion: OnionVersion;
  cipher?: EncType;
}

export function addSendCommand(program: Command): void {
  program
    .command('send')
    .description('act as a Session app: send one command through an onion request and print the answer')
    .argument('<command>', 'register, unregister, subscribe_closed_group, notify, ...')
    .addArgument(new Argument('[arguments]', 'a JSON object, or - to read it from standard input').default('{}'))
    .option('--url <url>', 'the server (default: this machine, PORT)', parseUrl)
    .option('--public-key <hex>', 'its public key (default: that of ONION_PRIVATE_KEY_FILE)', parseKey)
    .addOption(new Option('--onion <version>', 'version of the onion request').choices(['v4', 'v2']).default('v4'))
    .addOption(
      new Option('--cipher <name>', 'default: xchacha20 on v4, aes-gcm on v2').choices(['xchacha20', 'aes-gcm']),
    )
    .addHelpText(
      'after',
      `
Prints {"status":...,"body":{"code":...,"message":...}}. Exit code 0: the server did it; 1: it did not, or did not answer.
${examples(
  `send register '{"token":"...","pubKey":"05...","device":"android"}'`,
  'send notify - < notify.json',
  'send notify - --url https://push.example.org --public-key 642a...d049 --onion v2 < notify.json',
)}`,
    )
    .action(async (command: string, json: string, options: SendOptions) => {
      const reply = await send(command, parseArguments(json === '-' ? await readStream(process.stdin) : json), options);
      print(JSON.stringify(reply));
      if (reply.status !== 200 || reply.body['code'] === 0) throw new CliError('The server did not do it.');
    });
}

async function send(command: string, args: JsonObject, options: SendOptions): Promise<OnionReply> {
  const { onion: version, cipher } = options;
  const { path, body, context } = sealRequest({
    version,
    serverPublicKey: options.publicKey ?? Buffer.from(readPublicKey(loadConfig().onionPrivateKeyFile), 'hex'),
    endpoint: version === 'v4' && !command.startsWith('/') ? `/${command}` : command,
    args,
    ...(cipher === undefined ? {} : { encType: cipher }),
  });
  const url = (options.url ?? `http://127.0.0.1:${loadConfig().port}`).replace(/\/+$/, '') + path;
  const { status, answer } = await post(url, body);
  if (status === 400) throw new CliError('HTTP 400: the server cannot open the request. Is the public key its own?');
  if (status !== 200) throw new CliError(`HTTP ${status}: there is no such server at ${url}, or it is in trouble.`);
  return openReply(context, answer);
}

async function post(url: string, body: Buffer): Promise<{ status: number; answer: Buffer }> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      body: new Uint8Array(body),
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return { status: response.status, answer: Buffer.from(await response.arrayBuffer()) };
  } catch (cause) {
    throw new CliError(`${url} does not answer (${reasonOf(cause)}).`, { cause });
  }
}

/** `fetch` hides the network's own error one level down. */
function reasonOf(error: unknown): string {
  const source = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(source instanceof Error)) return 'unknown error';
  return 'code' in source && typeof source.code === 'string' ? source.code : source.name;
}

function parseArguments(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    if (isJsonObject(value)) return value;
  } catch {
    // Told below: what was typed is not repeated, it may hold a token.
  }
  throw new CliError('The arguments must be one JSON object.');
}

function parseUrl(text: string): string {
  if (URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol)) return text;
  throw new InvalidArgumentError('It must be http://... or https://...');
}

function parseKey(text: string): Buffer {
  const key = decodeHexKey(text);
  if (!key) throw new InvalidArgumentError('It must have 64 hexadecimal characters.');
  return key;
}
