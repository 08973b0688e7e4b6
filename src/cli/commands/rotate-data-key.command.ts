import { type Command } from 'commander';
import { examples } from '../output.js';

export function addRotateDataKeyCommand(program: Command): void {
  program
    .command('rotate-data-key')
    .description('put a fresh key into the file of DATA_KEY_FILE, for when the one in use may be known to somebody')
    .addHelpText(
      'after',
      `
Stop all servers that use the database first. What the database holds is sealed with the fresh key by migrate, or when the
server starts. The earlier keys stay in the file: what they sealed cannot be carried over without them.
${examples('rotate-data-key')}`,
    )
    .action(async () => (await import('./rotate-data-key.action.js')).rotateDataKey());
}
