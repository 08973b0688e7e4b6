import { type Command } from 'commander';
import { loadConfig } from '../../config/app-config.js';
import { examples, print } from '../output.js';
import { makeKeyFile, readPublicKey } from '../key-file.js';

const FILE_OPTION = ['--file <path>', 'the key file (default: ONION_PRIVATE_KEY_FILE)'] as const;

interface KeyOptions {
  file?: string;
}

export function addKeyCommands(program: Command): void {
  program
    .command('keygen')
    .description("make the server's private key file, readable by its owner alone; prints the public key")
    .option(...FILE_OPTION)
    .addHelpText(
      'after',
      `
A file that exists is never overwritten. The key of DATA_KEY_FILE is made by migrate, or by the server.
${examples('keygen')}`,
    )
    .action(({ file = loadConfig().onionPrivateKeyFile }: KeyOptions) => {
      print(makeKeyFile(file));
      process.stderr.write(`The private key is in ${file}. Keep a copy in a safe place.\n`);
    });

  program
    .command('pubkey')
    .description('print the public key that apps need to reach this server, 64 hexadecimal characters')
    .option(...FILE_OPTION)
    .addHelpText('after', examples('pubkey', 'pubkey --file /var/lib/old/x25519-priv.pem'))
    .action(({ file = loadConfig().onionPrivateKeyFile }: KeyOptions) => print(readPublicKey(file)));
}
