import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import { decodeHexKey } from '../../encoding/key-encodings.js';
import { parseServerUrl } from '../arguments.js';
import { examples } from '../output.js';
import { type SendOptions } from './send.action.js';

export function addSendCommand(program: Command): void {
  program
    .command('send')
    .description('act as a Session app: send one command through an onion request and print the answer')
    .argument('<command>', 'subscribe, unsubscribe, services, or of the legacy API register, notify, ...')
    .addArgument(
      new Argument(
        '[arguments]',
        '- = read a JSON object or a list of them from standard input; or the text itself',
      ).default('{}'),
    )
    .option('--url <url>', 'the server (default: this machine, PORT)', parseServerUrl)
    .option('--public-key <hex>', 'its public key (default: that of ONION_PRIVATE_KEY_FILE)', parseKey)
    .addOption(new Option('--onion <version>', 'version of the onion request').choices(['v4', 'v2']).default('v4'))
    .addOption(
      new Option('--cipher <name>', 'default: xchacha20 on v4, aes-gcm on v2').choices(['xchacha20', 'aes-gcm']),
    )
    .option(
      '--account <file>',
      'sign subscribe and unsubscribe as the throw-away account in this file, made when absent',
    )
    .option('--control <url>', 'of store: the CONTROL_URL that npm run gateways prints', parseServerUrl)
    .addHelpText(
      'after',
      `
\`store\` is no command of the server: it puts a message for an account into the stand-in network of npm run gateways.
Ids and tokens belong on standard input: every user of this machine can read the command line.

Prints {"status":...,"body":...}. Exit code 0: the server accepted the request; 1: it refused it or did not answer.
${examples(
  'send subscribe - --account me.json < subscription.json',
  'send store - --account me.json --control http://127.0.0.1:... < message.json',
  'send register - < registration.json',
  'send notify - < notify.json',
  'send notify - --url https://push.example.org --public-key 642a...d049 --onion v2 < notify.json',
)}`,
    )
    .action(async (command: string, json: string, options: SendOptions, self: Command) => {
      if (options.onion === 'v2' && options.cipher === 'xchacha20') self.error('error: v2 knows no cipher but aes-gcm');
      await (await import('./send.action.js')).sendCommand(command, json, options);
    });
}

function parseKey(text: string): Buffer {
  const key = decodeHexKey(text);
  if (!key) throw new InvalidArgumentError('It must have 64 hexadecimal characters.');
  return key;
}
