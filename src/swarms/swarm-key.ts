import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import sodium from 'libsodium-wrappers';
import { createKey, type KeyFile, KeyFileError, readKey } from '../common/key-file.js';
import { type NetworkConfig } from '../config/app-config.js';
import { decodeHexKey } from '../encoding/key-encodings.js';
import { type OwnKeys } from './node-connection.js';

/**
 * Reads this server's key towards the nodes. At its default place it is made when it is not there.
 *
 * @throws {KeyFileError} for a file that is not usable, or that was named and is not there: with a new key the nodes would
 * take this server for another one, and keep what they know of the old one for an hour
 */
export async function loadSwarmKey({ keyFile: path, mayMakeKeyFile }: NetworkConfig): Promise<OwnKeys> {
  await sodium.ready;
  if (!mayMakeKeyFile && !existsSync(path))
    throw new KeyFileError(
      `The swarm key file ${resolve(path)} does not exist. Leave SWARM_KEY_FILE unset to have a key made`,
    );
  const file: KeyFile = { path, variable: 'SWARM_KEY_FILE', keyName: 'swarm key', decodeText: decodeHexKey };
  const privateKey = readKey(file) ?? createKey(file, Buffer.from(sodium.crypto_box_keypair().privateKey));
  return { privateKey, publicKey: sodium.crypto_scalarmult_base(privateKey) };
}
