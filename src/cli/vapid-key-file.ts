import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { CLI } from '../config/cli-name.js';
import { loadConfig } from '../config/app-config.js';
import { makeVapidKey, readVapidKey } from '../providers/webpush/vapid-key.js';
import { CliError } from './cli-error.js';

/** The variable cannot name a file that is not there yet, so it is not asked. */
export const DEFAULT_VAPID_KEY_FILE = 'data/vapid.pem';

/** Makes the key file and returns its public key, base64url. A file that exists stays as it is. */
export function makeVapidKeyFile(file: string): string {
  if (existsSync(file)) {
    throw new CliError(`${file} exists and is not overwritten: phones have made their endpoints for its key.`);
  }
  return makeVapidKey(file).publicKey;
}

/** Base64url; of the file that is given, else of the configured one. */
export function readVapidPublicKey(given: string | undefined): string {
  const file = given ?? loadConfig().webpush?.keyFile;
  if (file === undefined) throw new CliError(`VAPID_KEY_FILE is not set. To make a key: ${CLI} keygen --vapid`);
  if (!existsSync(file)) throw new CliError(`There is no key file ${resolve(file)}. To make it: ${CLI} keygen --vapid`);
  return readVapidKey(file).publicKey;
}
