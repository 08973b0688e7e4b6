import { resolve } from 'node:path';
import { type Command } from 'commander';
import { loadConfig } from '../../config/app-config.js';
import { examples, print } from '../output.js';
import { makeKeyFile, readPublicKey } from '../onion-key.js';
import { DEFAULT_VAPID_KEY_FILE, makeVapidKeyFile, readVapidPublicKey } from '../vapid-key-file.js';

const FILE_OPTION = ['--file <path>', 'the key file (default: ONION_PRIVATE_KEY_FILE)'] as const;

const VAPID_OPTION = [
  '--vapid',
  'the key for Web Push instead; with pubkey, of VAPID_KEY_FILE unless a file is given',
] as const;

interface KeyOptions {
  file?: string;
  vapid?: boolean;
}

export function addKeyCommands(program: Command): void {
  program
    .command('keygen')
    .description("make the server's private key file, readable by its owner alone; prints the public key")
    .option(...FILE_OPTION)
    .option(...VAPID_OPTION)
    .addHelpText(
      'after',
      `
A file that exists is never overwritten. The key of DATA_KEY_FILE is made by migrate, or by the server, and changed by
rotate-data-key.
${examples('keygen', 'keygen --vapid --file data/vapid.pem')}`,
    )
    .action(({ file: given, vapid = false }: KeyOptions) => {
      const file = resolve(given ?? (vapid ? DEFAULT_VAPID_KEY_FILE : loadConfig().onionPrivateKeyFile));
      print(vapid ? makeVapidKeyFile(file) : makeKeyFile(file));
      process.stderr.write(`The private key is in ${file}. Keep a copy in a safe place.\n`);
    });

  program
    .command('pubkey')
    .description('print the public key that apps need to reach this server, 64 hexadecimal characters')
    .option(...FILE_OPTION)
    .option(...VAPID_OPTION)
    .addHelpText('after', examples('pubkey', 'pubkey --file /var/lib/old/x25519-priv.pem', 'pubkey --vapid'))
    .action(({ file, vapid = false }: KeyOptions) =>
      print(vapid ? readVapidPublicKey(file) : readPublicKey(file ?? loadConfig().onionPrivateKeyFile)),
    );
}
