import { type AppConfig, ConfigError, loadConfig, misspelledVariables } from '../../config/app-config.js';
import { checkAlerts } from '../check/alerts.check.js';
import { checkBackup } from '../check/backup.check.js';
import { type Check } from '../check/check.js';
import { type ChecklistItem, checklistOf } from '../check/checklist.js';
import { checkDatabase } from '../check/database.check.js';
import { checkDataKey, checkOnionKey, checkSwarmKey } from '../check/key-file.check.js';
import { checkNetwork } from '../check/network.check.js';
import { checkProviders } from '../check/provider.check.js';
import { checkPublicAddress } from '../check/public-address.check.js';
import { checkRedisServer } from '../check/redis.check.js';
import { CliError } from '../cli-error.js';
import { formatTable, print, printJson } from '../output.js';

export interface CheckOptions {
  offline?: boolean;
  /** Also what an app of its own takes, as a checklist. */
  full?: boolean;
  /** Where apps reach the server. */
  url?: string;
  json?: boolean;
}

export async function checkEverything({ json = false, ...options }: CheckOptions): Promise<void> {
  const checks = await allChecks(options);
  const failed = checks.filter(({ status }) => status === 'failed').length;
  // With a configuration that is wrong nothing was looked at.
  const checklist = options.full && checks.length > failed ? checklistOf(checks) : null;
  const missing = (checklist ?? []).filter(({ state, required }) => required && state !== 'done').length;
  if (json) printJson({ ok: failed === 0 && missing === 0, checks, ...(checklist && { checklist }) });
  else {
    print(formatTable(checks.map(({ name, status, detail }) => [status, name, detail])));
    if (checklist) print(`\nFor an app of your own, docs/forks.md:\n${formatTable(checklist.map(lineOf))}`);
  }
  if (failed > 0) throw new CliError(`${failed} of ${checks.length} checks failed.`);
  if (missing > 0)
    throw new CliError(
      `No phone can be woken yet: ${missing} ${missing === 1 ? 'requirement is' : 'requirements are'} not met.`,
    );
}

const lineOf = ({ item, state, required, detail }: ChecklistItem): string[] => [
  state === 'missing' && !required ? 'optional' : state,
  item,
  detail,
];

/** Nothing else can be looked at with a configuration that is wrong. */
async function allChecks(options: CheckOptions): Promise<Check[]> {
  try {
    return await checksOf(loadConfig(), options);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((detail) => ({ name: 'configuration', status: 'failed', detail }));
  }
}

function checkVariables(misspelled: readonly string[]): Check {
  const name = 'configuration';
  if (misspelled.length === 0) return { name, status: 'ok', detail: 'complete' };
  return { name, status: 'warning', detail: `unknown variables, not read: ${misspelled.join(', ')}` };
}

async function checksOf(config: AppConfig, { offline = false, full = false, url }: CheckOptions): Promise<Check[]> {
  const { generation, isInUse, ...database } = await checkDatabase(config);
  return [
    checkVariables(misspelledVariables()),
    await checkOnionKey(config, isInUse),
    checkDataKey(config.dataKeyFile, generation),
    ...checkSwarmKey(config),
    database,
    await checkRedisServer(config.redisUrl),
    ...(await checkProviders(config, { offline })),
    ...(await checkNetwork(config, offline)),
    ...(full ? [await checkPublicAddress(config, url ?? null), checkBackup(config)] : []),
    await checkAlerts(config, offline),
    config.statistics.credentials
      ? { name: 'statistics', status: 'ok', detail: 'a user name and a password are set' }
      : { name: 'statistics', status: 'off', detail: 'set STATISTICS_USERNAME and STATISTICS_PASSWORD to use it' },
  ];
}
