import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { type AppConfig } from '../../config/app-config.js';
import { requireFirstKeyPair } from '../../onion/onion-key.file.js';
import { type DataKeys, readDataKeys } from '../../sealing/data-key.file.js';
import { readSwarmKey } from '../../swarms/lines/swarm-key.js';
import { readPublicKey } from '../onion-key.js';
import { problemOf } from '../../common/words/problem-of.js';
import { type Check } from './check.js';

const OTHERS = 0o077;

/** @param isInUse the database holds devices: no new key would fit their apps */
export async function checkOnionKey(config: AppConfig, isInUse: boolean): Promise<Check> {
  const file = resolve(config.onionPrivateKeyFile);
  const name = 'onion key';
  const place = { isNamed: config.isOnionKeyNamed, isInUse: () => Promise.resolve(isInUse) };
  try {
    if (!existsSync(file)) await requireFirstKeyPair(file, place);
  } catch (error) {
    return { name, status: 'failed', detail: problemOf(error) };
  }
  return checkKeyFile(name, file, () => `${file}, public key ${readPublicKey(file)}`);
}

/** Nothing without the network. A new key costs nothing, unless the file was named. */
export function checkSwarmKey({ network }: AppConfig): Check[] {
  if (network === null) return [];
  const file = resolve(network.keyFile);
  const name = 'swarm key';
  if (!network.mayMakeKeyFile && !existsSync(file)) {
    return [{ name, status: 'failed', detail: `${file} does not exist: correct SWARM_KEY_FILE, or leave it unset` }];
  }
  return [
    checkKeyFile(name, file, () => {
      readSwarmKey(file);
      return `${file} is usable`;
    }),
  ];
}

/** @param generation of the key that the database is sealed with, for which no new one would do; 0 = it is not sealed */
export function checkDataKey(configured: string | null, generation: number): Check {
  const name = 'data key';
  if (configured === null)
    return { name, status: 'off', detail: 'not configured, ids and tokens are stored as they are' };
  const file = resolve(configured);
  if (generation > 0 && !existsSync(file)) {
    return { name, status: 'failed', detail: `${file} does not exist: put a copy of the key of this database back` };
  }
  return checkKeyFile(name, file, () => {
    const keys = readDataKeys(file);
    return `${file} is usable${keys ? keysOf(keys, generation) : ''}; keep a copy in a safe place`;
  });
}

/** Nothing to tell of a file with one key. */
function keysOf({ length }: DataKeys, generation: number): string {
  if (length === 1) return '';
  const isDone = generation === 0 || generation >= length;
  return `, ${length} keys of which the ${isDone ? 'last' : `one in line ${generation}`} is in use`;
}

function checkKeyFile(name: string, file: string, read: () => string): Check {
  if (!existsSync(file)) {
    return { name, status: 'warning', detail: `${file} does not exist yet; the server makes it at its first start` };
  }
  try {
    const detail = read();
    if ((statSync(file).mode & OTHERS) !== 0) {
      return { name, status: 'warning', detail: `other users may read ${file}: chmod 600 ${file}` };
    }
    return { name, status: 'ok', detail };
  } catch (error) {
    return { name, status: 'failed', detail: problemOf(error) };
  }
}
