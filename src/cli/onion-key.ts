import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { CLI } from '../config/cli-name.js';
import { createKeyPair, readKeyPair } from '../onion/onion-key.file.js';
import { CliError } from './cli-error.js';

/** 64 hexadecimal characters, of a key file that exists: looking must not make a key. */
export function readPublicKey(file: string): string {
  const keyPair = readKeyPair(file);
  if (!keyPair) throw new CliError(`There is no key file ${resolve(file)}. To make it: ${CLI} keygen`);
  return keyPair.publicKey.toString('hex');
}

/** Makes the key file and returns its public key. A file that exists stays as it is. */
export function makeKeyFile(file: string): string {
  if (existsSync(file)) {
    throw new CliError(`${file} exists and is not overwritten: apps that know its public key depend on it.`);
  }
  return createKeyPair(file).publicKey.toString('hex');
}
