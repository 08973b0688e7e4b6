import { type Command } from 'commander';
import { examples } from '../output.js';
import { type JsonOption } from './devices.action.js';

export function addAsideCommands(program: Command): void {
  const aside = program
    .command('aside')
    .description('notifications that were set aside because three processes died while working on them');

  aside
    .command('list')
    .description('how many there are, per lane of the queue')
    .option('--json', 'for programs')
    .addHelpText('after', examples('aside list', 'aside list --json'))
    .action(async (options: JsonOption) => (await import('./aside.action.js')).listAside(options));

  aside
    .command('release')
    .description('put them back into the queue, once the cause of the crashes is fixed')
    .option('--json', 'for programs')
    .addHelpText('after', examples('aside release'))
    .action(async (options: JsonOption) => (await import('./aside.action.js')).releaseAside(options));

  aside
    .command('drop')
    .description('drop them: they are not delivered')
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      `\nIf left alone, they are dropped when their time to live is over.\n${examples('aside drop')}`,
    )
    .action(async (options: JsonOption) => (await import('./aside.action.js')).dropAside(options));
}
