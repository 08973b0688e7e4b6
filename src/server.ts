import cluster from 'node:cluster';
import { PinoLogger } from './common/pino-logger.js';
import { type AppConfig, ConfigError, loadConfig } from './config/app-config.js';
import { runMember } from './server/cluster-member.js';
import { ClusterPrimary } from './server/cluster-primary.js';
import { keepHeapSmall } from './server/heap.js';
import { onStopSignal } from './server/on-stop-signal.js';
import { serve } from './server/serve.js';
import { warnAboutWhatIsOff } from './server/start-report.js';

/** Runs the server until a signal ends it. Exits with 1, and one clear line, when it cannot start. */
export async function runServer(): Promise<void> {
  // Whatever this process creates, the key and the database above all, is for its own user.
  process.umask(0o077);
  keepHeapSmall();
  const config = readConfig();
  if (cluster.isWorker) return runMember(config);
  const logger = PinoLogger.create(config.logLevel);
  if (config.workers > 1) return new ClusterPrimary(config, logger).run();
  const server = await serve(config, logger, 'alone');
  onStopSignal((signal) => {
    logger.log({ msg: 'stopping', signal });
    server.stop();
  });
  // Whoever reads it may stop the server at once.
  logger.log({ msg: 'listening', ...server.report });
  warnAboutWhatIsOff(logger, config);
}

function readConfig(): AppConfig {
  try {
    return loadConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}
