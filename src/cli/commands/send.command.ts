import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import { decodeHexKey } from '../../onion/protocol/key-encodings.js';
import { examples } from '../output.js';
import { type SendOptions } from './send.action.js';

export function addSendCommand(program: Command): void {
  program
    .command('send')
    .description('act as a Session app: send one command through an onion request and print the answer')
    .argument('<command>', 'register, unregister, subscribe_closed_group, notify, ...')
    .addArgument(new Argument('[arguments]', 'a JSON object, or - to read it from standard input').default('{}'))
    .option('--url <url>', 'the server (default: this machine, PORT)', parseUrl)
    .option('--public-key <hex>', 'its public key (default: that of ONION_PRIVATE_KEY_FILE)', parseKey)
    .addOption(new Option('--onion <version>', 'version of the onion request').choices(['v4', 'v2']).default('v4'))
    .addOption(
      new Option('--cipher <name>', 'default: xchacha20 on v4, aes-gcm on v2').choices(['xchacha20', 'aes-gcm']),
    )
    .addHelpText(
      'after',
      `
Prints {"status":...,"body":{"code":...,"message":...}}. Exit code 0: the server did it; 1: it did not, or did not answer.
${examples(
  `send register '{"token":"...","pubKey":"05...","device":"android"}'`,
  'send notify - < notify.json',
  'send notify - --url https://push.example.org --public-key 642a...d049 --onion v2 < notify.json',
)}`,
    )
    .action(async (command: string, json: string, options: SendOptions, self: Command) => {
      if (options.onion === 'v2' && options.cipher === 'xchacha20') self.error('error: v2 knows no cipher but aes-gcm');
      await (await import('./send.action.js')).sendCommand(command, json, options);
    });
}

function parseUrl(text: string): string {
  if (URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol)) return text;
  throw new InvalidArgumentError('It must be http://... or https://...');
}

function parseKey(text: string): Buffer {
  const key = decodeHexKey(text);
  if (!key) throw new InvalidArgumentError('It must have 64 hexadecimal characters.');
  return key;
}
