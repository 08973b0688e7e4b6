import { type Command } from 'commander';
import { examples } from '../output.js';

export function addAlertTestCommand(program: Command): void {
  program
    .command('alert-test')
    .description('send a test message to ALERT_WEBHOOK_URL, and tell what the hook answers')
    .addHelpText('after', examples('alert-test'))
    .action(async () => (await import('./alert-test.action.js')).testAlerts());
}
