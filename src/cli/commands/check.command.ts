import { type Command } from 'commander';
import { loadConfig } from '../../config/app-config.js';
import { checkDatabase } from '../check/database.check.js';
import { checkKeyFile } from '../check/key-file.check.js';
import { checkProviders } from '../check/provider.check.js';
import { type Check } from '../check/check.js';
import { CliError } from '../cli-error.js';
import { examples, formatTable, print, printJson } from '../output.js';

interface CheckOptions {
  offline?: boolean;
  json?: boolean;
}

export function addCheckCommand(program: Command): void {
  program
    .command('check')
    .description('look whether the server can work: configuration, key, database, credentials, push services')
    .option('--offline', 'do not ask the push services')
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      `
Each configured push service is asked once to push nothing to a device that cannot exist. It must refuse that device and
nothing else: this shows that address, credential and project are right. It does not show that APNS_TOPIC is your app's.
Nothing is changed. Exit code 1: something failed; warnings alone are 0.
${examples('check', 'check --offline --json')}`,
    )
    .action(check);
}

async function check({ offline = false, json = false }: CheckOptions): Promise<void> {
  const config = loadConfig();
  const checks: Check[] = [
    { name: 'configuration', status: 'ok', detail: 'complete' },
    checkKeyFile(config.onionPrivateKeyFile),
    await checkDatabase(config),
    ...(await checkProviders(config, { offline })),
    config.statistics.credentials
      ? { name: 'statistics', status: 'ok', detail: 'a user name and a password are set' }
      : { name: 'statistics', status: 'off', detail: 'set STATISTICS_USERNAME and STATISTICS_PASSWORD to use it' },
  ];
  const failed = checks.filter(({ status }) => status === 'failed').length;
  if (json) printJson({ ok: failed === 0, checks });
  else print(formatTable(checks.map(({ name, status, detail }) => [status, name, detail])));
  if (failed > 0) throw new CliError(`${failed} of ${checks.length} checks failed.`);
}
