import cluster from 'node:cluster';
import { PinoLogger } from '../common/words/pino-logger.js';
import { type AppConfig, ConfigError, loadConfig, misspelledVariables } from '../config/app-config.js';
import { announce } from './announce.js';
import { runMember } from './cluster-member.js';
import { ClusterPrimary } from './cluster-primary.js';
import { keepHeapSmall } from './heap.js';
import { onStopSignal } from './on-stop-signal.js';
import { serve, type Served } from './serve.js';
import { ignoreUnusedSignals } from './unused-signals.js';

/** Runs the server until a signal ends it. Exits with 1, and one clear line, when it cannot start. */
export async function runServer(): Promise<void> {
  // Whatever this process creates, the key and the database above all, is for its own user.
  process.umask(0o077);
  ignoreUnusedSignals();
  keepHeapSmall();
  const config = readConfig();
  if (cluster.isWorker) return runMember(config);
  const logger = PinoLogger.create(config.logLevel, config.logFormat);
  for (const variable of misspelledVariables()) {
    logger.warn({ msg: 'unknown variable, it is not read', variable });
  }
  if (config.workers > 1) return new ClusterPrimary(config, logger).run();
  let server: Served | null = null;
  onStopSignal(logger, () => {
    if (server) server.stop();
    else endStart(logger);
  });
  server = await serve(config, logger, 'alone');
  announce(logger, config, server.report);
}

/** A signal during the start: no request was answered yet, and the next start resumes a migration where this one stopped. */
function endStart(logger: PinoLogger): never {
  logger.log('stopped');
  process.exit(0);
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
