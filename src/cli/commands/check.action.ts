import { type AppConfig, ConfigError, loadConfig } from '../../config/app-config.js';
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
  const checks = await allChecks(offline);
  const failed = checks.filter(({ status }) => status === 'failed').length;
  if (json) printJson({ ok: failed === 0, checks });
  else print(formatTable(checks.map(({ name, status, detail }) => [status, name, detail])));
  if (failed > 0) throw new CliError(`${failed} of ${checks.length} checks failed.`);
}

/** Nothing else can be looked at with a configuration that is wrong. */
async function allChecks(offline: boolean): Promise<Check[]> {
  try {
    return await checksOf(loadConfig(), offline);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((detail) => ({ name: 'configuration', status: 'failed', detail }));
  }
}

async function checksOf(config: AppConfig, offline: boolean): Promise<Check[]> {
  const { sealed, ...database } = await checkDatabase(config);
  return [
    { name: 'configuration', status: 'ok', detail: 'complete' },
    checkOnionKey(config.onionPrivateKeyFile),
    checkDataKey(config.dataKeyFile, sealed),
    database,
    await checkRedisServer(config.redisUrl),
    ...(await checkProviders(config, { offline })),
    config.statistics.credentials
      ? { name: 'statistics', status: 'ok', detail: 'a user name and a password are set' }
      : { name: 'statistics', status: 'off', detail: 'set STATISTICS_USERNAME and STATISTICS_PASSWORD to use it' },
  ];
}
