import { text as readStream } from 'node:stream/consumers';
import { loadConfig } from '../../config/app-config.js';
import { type EncType } from '../../onion/protocol/ciphers.js';
import { isJsonObject, type JsonObject, parseJson } from '../../encoding/json.js';
import { type OnionReply, type OnionVersion } from '../../onion/protocol/onion-client.js';
import { CliError } from '../cli-error.js';
import { openAccount, signAs } from '../throw-away-account.js';
import { print } from '../output.js';
import { readPublicKey } from '../onion-key.js';
import { askServer, post } from '../onion-request.js';

type Arguments = JsonObject | readonly JsonObject[];

export interface SendOptions {
  url?: string;
  publicKey?: Buffer;
  onion: OnionVersion;
  cipher?: EncType;
  /** The file of a throw-away account that signs. */
  account?: string;
  /** The control of a stand-in network, for `store`. */
  control?: string;
}

/** @param json the arguments as JSON; `-` = read them from standard input */
export async function sendCommand(command: string, json: string, options: SendOptions): Promise<void> {
  const typed = parseArguments(json === '-' ? await readStream(process.stdin) : json);
  const name = command.replace(/^\//, '');
  if (name === 'store') return storeMessage(typed, options);
  const reply = await send(command, await signed(name, typed, options), options);
  print(JSON.stringify(reply));
  if (reply.status !== 200 || isRefusal(reply.body)) throw new CliError('The server refused the request.');
}

async function signed(name: string, args: Arguments, { account }: SendOptions): Promise<Arguments> {
  if (account === undefined) return args;
  if ((name !== 'subscribe' && name !== 'unsubscribe') || Array.isArray(args)) {
    throw new CliError('--account signs subscribe and unsubscribe, with one object.');
  }
  return signAs(await openAccount(account), name, args as JsonObject);
}

/** Legacy answers have a code, those of today's API an error or `success`, item by item. */
function isRefusal(body: unknown): boolean {
  const items: unknown[] = Array.isArray(body) ? body : [body];
  return items.some((item) => !isJsonObject(item) || item['code'] === 0 || 'error' in item);
}

/** Puts a message into a stand-in network (`npm run gateways`), as if somebody had written to the account. */
async function storeMessage(args: Arguments, { account, control }: SendOptions): Promise<void> {
  if (control === undefined) throw new CliError('store needs --control, the CONTROL_URL of the stand-ins.');
  const { data, namespace = 0, pubkey } = args as JsonObject;
  const id = account === undefined ? pubkey : (await openAccount(account)).id;
  if (typeof data !== 'string' || typeof id !== 'string') {
    throw new CliError('store takes {"data":"text"}, and the account by --account or as "pubkey".');
  }
  const body = Buffer.from(JSON.stringify({ account: id, namespace, data: Buffer.from(data).toString('base64') }));
  const { status, answer } = await post(`${control.replace(/\/+$/, '')}/store`, body);
  print(answer.toString().trim());
  if (status !== 200) throw new CliError('The stand-in network refused the message.');
}

function send(command: string, args: Arguments, options: SendOptions): Promise<OnionReply<unknown>> {
  const { onion: version, cipher } = options;
  return askServer(options.url ?? `http://127.0.0.1:${loadConfig().port}`, {
    version,
    serverPublicKey: options.publicKey ?? Buffer.from(readPublicKey(loadConfig().onionPrivateKeyFile), 'hex'),
    endpoint: version === 'v4' && !command.startsWith('/') ? `/${command}` : command,
    args,
    ...(cipher === undefined ? {} : { encType: cipher }),
  });
}

function parseArguments(text: string): Arguments {
  const value = parseJson(text);
  if (isJsonObject(value)) return value;
  if (Array.isArray(value) && value.every(isJsonObject)) return value;
  // What was typed is not repeated: it may hold a token.
  throw new CliError('The arguments must be a JSON object, or for subscribe and unsubscribe a list of them.');
}
