import { type Command } from 'commander';
import { examples } from '../output.js';
import { type JsonOption } from './devices.action.js';

export function addSubscriptionsCommands(program: Command): void {
  program
    .command('subscriptions')
    .description("count the subscriptions of today's API")
    .command('count')
    .description('subscriptions per service')
    .option('--json', 'for programs')
    .addHelpText('after', examples('subscriptions count'))
    .action(async (options: JsonOption) => (await import('./subscriptions.action.js')).countSubscriptions(options));
}
