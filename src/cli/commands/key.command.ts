import { type Command } from 'commander';
import { existsSync } from 'node:fs';
import { loadConfig } from '../../config/app-config.js';
import { loadOrCreateKeyPair } from '../../onion/onion-key.file.js';
import { CliError } from '../cli-error.js';
import { examples, print } from '../output.js';

const FILE_OPTION = ['--file <path>', 'the key file (default: ONION_PRIVATE_KEY_FILE)'] as const;

interface KeyOptions {
  file?: string;
}

export function addKeyCommands(program: Command): void {
  program
    .command('keygen')
    .description("make the server's private key file, readable by its owner alone; prints the public key")
    .option(...FILE_OPTION)
    .addHelpText('after', `\nA file that exists is never overwritten.\n${examples('keygen')}`)
    .action(({ file = loadConfig().onionPrivateKeyFile }: KeyOptions) => {
      if (existsSync(file)) {
        throw new CliError(`${file} exists and is not overwritten: apps that know its public key depend on it.`);
      }
      print(publicKeyOf(file));
      process.stderr.write(`The private key is in ${file}. Keep a copy in a safe place.\n`);
    });

  program
    .command('pubkey')
    .description('print the public key that apps need to reach this server, 64 hexadecimal characters')
    .option(...FILE_OPTION)
    .addHelpText('after', examples('pubkey', 'pubkey --file /var/lib/old/x25519-priv.pem'))
    .action(({ file = loadConfig().onionPrivateKeyFile }: KeyOptions) => print(readPublicKey(file)));
}

/** Of a key file that exists: looking must not make a key. */
export function readPublicKey(file: string): string {
  if (!existsSync(file)) throw new CliError(`There is no key file ${file}. To make it: session-push keygen`);
  return publicKeyOf(file);
}

function publicKeyOf(file: string): string {
  return loadOrCreateKeyPair(file).publicKey.toString('hex');
}
