import sodium from 'libsodium-wrappers';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type JsonObject, parseJsonObject } from '../encoding/json.js';
import { monitorText, unsubscribeText } from '../subscriptions/wire/signatures.protocol.js';
import { CliError } from './cli-error.js';

const SEED_BYTES = 32;
const KEY_BYTES = 32;

/** A Session id that belongs to nobody, to try a server with. */
interface ThrowAwayAccount {
  /** 66 hexadecimal characters. */
  readonly id: string;
  readonly ed25519: Buffer;
  readonly secret: Uint8Array;
  /** The key with which its pushes can be opened. */
  readonly encKey: string;
}

/** Makes the account when the file is not there. The file is for its owner alone: who has it can open the pushes. */
export async function openAccount(file: string): Promise<ThrowAwayAccount> {
  await sodium.ready;
  if (!existsSync(file)) {
    const made = { seed: randomBytes(SEED_BYTES).toString('hex'), enc_key: randomBytes(KEY_BYTES).toString('hex') };
    writeFileSync(file, `${JSON.stringify(made)}\n`, { mode: 0o600, flag: 'wx' });
  }
  const { seed, encKey } = readAccount(file);
  const pair = sodium.crypto_sign_seed_keypair(seed);
  const x25519 = sodium.crypto_sign_ed25519_pk_to_curve25519(pair.publicKey);
  return {
    id: `05${Buffer.from(x25519).toString('hex')}`,
    ed25519: Buffer.from(pair.publicKey),
    secret: pair.privateKey,
    encKey,
  };
}

function readAccount(file: string): { seed: Buffer; encKey: string } {
  const isHex = (value: unknown, bytes: number): value is string =>
    typeof value === 'string' && new RegExp(`^[0-9a-f]{${2 * bytes}}$`).test(value);
  const { seed, enc_key: encKey } = parseJsonObject(readFileSync(file)) ?? {};
  if (isHex(seed, SEED_BYTES) && isHex(encKey, KEY_BYTES)) return { seed: Buffer.from(seed, 'hex'), encKey };
  throw new CliError(`${resolve(file)} is no account: name a file that is not there, and one is made.`);
}

/** Adds to the arguments what an app adds that has this account: the account, times, keys and the signature. */
export function signAs(account: ThrowAwayAccount, command: string, args: JsonObject): JsonObject {
  const sigTs = Math.floor(Date.now() / 1000);
  const id = Buffer.from(account.id, 'hex');
  const asSigner = { pubkey: account.id, session_ed25519: account.ed25519.toString('hex'), sig_ts: sigTs };
  const sign = (text: string) => Buffer.from(sodium.crypto_sign_detached(text, account.secret)).toString('base64');
  if (command === 'unsubscribe') return { ...args, ...asSigner, signature: sign(unsubscribeText(id, sigTs)) };
  const { namespaces = [0], data = true } = args;
  if (!Array.isArray(namespaces) || !namespaces.every((one) => Number.isInteger(one)) || typeof data !== 'boolean') {
    throw new CliError('namespaces must be a list of whole numbers, and data true or false.');
  }
  const text = monitorText(id, sigTs, data, namespaces as number[]);
  return { ...args, namespaces, data, enc_key: account.encKey, ...asSigner, signature: sign(text) };
}
