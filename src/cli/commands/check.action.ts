import { loadConfig } from '../../config/app-config.js';
import { type Check } from '../check/check.js';
import { checkDatabase } from '../check/database.check.js';
import { checkDataKey, checkOnionKey } from '../check/key-file.check.js';
import { checkProviders } from '../check/provider.check.js';
import { checkRedisServer } from '../check/redis.check.js';
import { CliError } from '../cli-error.js';
import { formatTable, print, printJson } from '../output.js';

export interface CheckOptions {
  offline?: boolean;
  json?: boolean;
}

export async function checkEverything({ offline = false, json = false }: CheckOptions): Promise<void> {
  const config = loadConfig();
  const checks: Check[] = [
    { name: 'configuration', status: 'ok', detail: 'complete' },
    checkOnionKey(config.onionPrivateKeyFile),
    checkDataKey(config.dataKeyFile),
    await checkDatabase(config),
    await checkRedisServer(config.redisUrl),
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
