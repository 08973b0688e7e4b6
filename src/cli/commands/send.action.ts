import { text as readStream } from 'node:stream/consumers';
import { loadConfig } from '../../config/app-config.js';
import { type EncType } from '../../onion/protocol/ciphers.js';
import { isJsonObject, type JsonObject } from '../../onion/protocol/json.js';
import { type OnionReply, type OnionVersion, openReply, sealRequest } from '../../onion/protocol/onion-client.js';
import { CliError } from '../cli-error.js';
import { print } from '../output.js';
import { readPublicKey } from '../key-file.js';

/** As long as a service node waits. */
const TIMEOUT_MS = 25_000;

export interface SendOptions {
  url?: string;
  publicKey?: Buffer;
  onion: OnionVersion;
  cipher?: EncType;
}

/** @param json the arguments as JSON; `-` = read them from standard input */
export async function sendCommand(command: string, json: string, options: SendOptions): Promise<void> {
  const args = parseArguments(json === '-' ? await readStream(process.stdin) : json);
  const reply = await send(command, args, options);
  print(JSON.stringify(reply));
  if (reply.status !== 200 || reply.body['code'] === 0) throw new CliError('The server did not do it.');
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
