import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { Logger } from '@nestjs/common';
import sodium from 'libsodium-wrappers';
import { createKey, type KeyFile, KeyFileError, readKey } from '../../common/start/key-file.js';
import { type NetworkConfig } from '../../config/app-config.js';
import { decodeHexKey } from '../../encoding/key-encodings.js';
import { type OwnKeys } from './node-connection.js';

/**
 * Reads this server's key towards the nodes. At its default place it is made when it is not there, also for a database with
 * subscriptions: phones do not know it, every start tells the nodes all accounts anew, and a node forgets the old key within
 * 65 minutes.
 *
 * @throws {KeyFileError} for a file that is not usable, or that was named and is not there: the path is wrong, and the key
 * may be that of another instance
 */
export async function loadSwarmKey({ keyFile: path, mayMakeKeyFile }: NetworkConfig): Promise<OwnKeys> {
  await sodium.ready;
  if (!mayMakeKeyFile && !existsSync(path))
    throw new KeyFileError(
      `The swarm key file ${resolve(path)} does not exist. Leave SWARM_KEY_FILE unset to have a key made`,
    );
  const privateKey = readSwarmKey(path) ?? makeKey(path);
  return { privateKey, publicKey: sodium.crypto_scalarmult_base(privateKey) };
}

const keyFile = (path: string): KeyFile => ({
  path,
  variable: 'SWARM_KEY_FILE',
  keyName: 'swarm key',
  decodeText: decodeHexKey,
});

/** Null when the file does not exist. */
export const readSwarmKey = (path: string): Buffer | null => readKey(keyFile(path));

function makeKey(path: string): Buffer {
  const key = createKey(keyFile(path), Buffer.from(sodium.crypto_box_keypair().privateKey));
  new Logger('SwarmKey').log({ msg: 'made a new swarm key: nodes know this server by it', file: resolve(path) });
  return key;
}
