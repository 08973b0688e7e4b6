import { Command, CommanderError } from 'commander';
import { CLI } from '../config/cli-name.js';
import { ownVersion } from '../common/start/own-version.js';
import { addAlertTestCommand } from './commands/alert-test.command.js';
import { addAsideCommands } from './commands/aside.command.js';
import { addBackupCommands } from './commands/backup.command.js';
import { addCheckCommand } from './commands/check.command.js';
import { addDevicesCommands } from './commands/devices.command.js';
import { addKeyCommands } from './commands/key.command.js';
import { addMigrateCommand } from './commands/migrate.command.js';
import { addPushCommand } from './commands/push.command.js';
import { addRotateDataKeyCommand } from './commands/rotate-data-key.command.js';
import { addSendCommand } from './commands/send.command.js';
import { addStatsCommand } from './commands/stats.command.js';
import { addSubscriptionsCommands } from './commands/subscriptions.command.js';
import { addSuspectsCommands } from './commands/suspects.command.js';
import { addV1Commands } from './commands/v1.command.js';
import { addV2Commands } from './commands/v2.command.js';
import { examples } from './output.js';

const EXIT_OK = 0;
const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

/**
 * Runs one command and returns the exit code of the process. What a command does (`*.action.ts`) is loaded when it is asked
 * for: the database and the framework take longer to load than help takes to read.
 */
export async function runCli(args: readonly string[]): Promise<number> {
  try {
    await buildProgram().parseAsync(args, { from: 'user' });
    return EXIT_OK;
  } catch (error) {
    // It wrote what there is to say; help that was asked for is no mistake.
    if (error instanceof CommanderError) return error.exitCode === EXIT_OK ? EXIT_OK : EXIT_USAGE;
    const { problemOf } = await import('../common/words/problem-of.js');
    process.stderr.write(`${problemOf(error)}\n`);
    return EXIT_FAILURE;
  }
}

export function buildProgram(): Command {
  const program = new Command(CLI)
    .description('Commands for the operator of a Session push notification server.')
    .version(ownVersion())
    .exitOverride()
    .showHelpAfterError('(--help tells more)')
    .addHelpText(
      'after',
      `
The configuration is that of the server: .env in the current folder and the environment.
Exit codes: 0 done, 1 failed, 2 wrong usage.
${examples('check', 'stats --from 2026-01-01 --json', 'import-v1 /var/lib/old/session_pn_server.db --dry-run')}`,
    );
  addKeyCommands(program);
  addRotateDataKeyCommand(program);
  addCheckCommand(program);
  addAlertTestCommand(program);
  addStatsCommand(program);
  addDevicesCommands(program);
  addSubscriptionsCommands(program);
  addSuspectsCommands(program);
  addAsideCommands(program);
  addSendCommand(program);
  addPushCommand(program);
  addMigrateCommand(program);
  addBackupCommands(program);
  addV1Commands(program);
  addV2Commands(program);
  return program;
}
