import { CLI } from '../config/cli-name.js';
import { type PinoLogger } from '../common/words/pino-logger.js';
import { type AppConfig } from '../config/app-config.js';
import { PROVIDERS } from '../providers/push-transport.js';
import { type StartReport, tellWhatIsOpen } from './start-report.js';

/**
 * Says that the server listens, and what is off. Signals are handled before this line is written.
 *
 * @param processes of an instance with several
 */
export function announce(logger: PinoLogger, config: AppConfig, report: StartReport, processes: object = {}): void {
  if (logger.isReadable) {
    logger.log(welcome(report, config));
    if (config.statistics.credentials) tellWhatIsOpen(logger, config, report);
    return;
  }
  logger.log({ msg: 'listening', ...report, ...processes });
  tellWhatIsOpen(logger, config, report);
  logger.log(`today's API: ${describeNetwork(config, report)}`);
  for (const provider of missingProviders(config)) {
    logger.warn({ msg: 'provider is not configured: pushes for its devices are counted and dropped', provider });
  }
  if (!config.statistics.credentials) {
    logger.warn('the statistics endpoint is off: set STATISTICS_USERNAME and STATISTICS_PASSWORD');
  }
}

/** Of an instance that delivers. */
const missingProviders = (config: AppConfig) =>
  config.role === 'api' || config.role === 'monitor' ? [] : PROVIDERS.filter((provider) => config[provider] === null);

/** For somebody at a terminal. The key has a line of its own, to be copied as a whole. */
function welcome(report: StartReport, config: AppConfig): string {
  const off = [...missingProviders(config), ...(config.statistics.credentials ? [] : ['the statistics page'])];
  const { address, host, publicKey, keyFile, swarmKeyFile, vapidPublicKey, database, redis, role, proxy, workers } =
    report;
  const lines: [string, string | number | undefined][] = [
    ['address', host === '0.0.0.0' || host === '::' ? `${address}, and every other address of this machine` : address],
    ['operator', report.operatorAddress],
    ['public key', publicKey && `\n    ${publicKey}`],
    ['key file', keyFile],
    ['Web Push key', vapidPublicKey && `\n    ${vapidPublicKey}`],
    ["today's API", describeNetwork(config, report)],
    ['swarm key', swarmKeyFile],
    ['database', database],
    ['redis', redis],
    ['role', role],
    ['proxy', proxy],
    ['processes', workers],
    ['off', off.length > 0 ? `${off.join(', ')} (not configured)` : undefined],
    ['next', `${CLI} check verifies all this, npm run demo shows it at work, .env.example has the settings`],
  ];
  const shown = lines.filter(([, value]) => value !== undefined);
  return ['listening', ...shown.map(([name, value]) => `    ${name.padEnd(13)}${value}`)].join('\n');
}

function describeNetwork({ role }: AppConfig, { network }: StartReport): string {
  if (network === null) return 'off (NODE_LIST is not set), /subscribe is refused';
  if (role === 'api' || role === 'worker') return 'on, another instance watches the network';
  if (network.nodes === 0) return 'on, waiting for the list of nodes';
  return `on, ${network.nodes} nodes in ${network.swarms} swarms are known`;
}
