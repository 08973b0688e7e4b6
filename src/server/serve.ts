import { type NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp } from '../app.factory.js';
import { describeError } from '../common/words/describe-error.js';
import { type PinoLogger } from '../common/words/pino-logger.js';
import { type AppConfig } from '../config/app-config.js';
import { dutiesOf, type Seat } from '../config/duties.js';
import { listenProblem, startProblem } from '../common/start/start-problem.js';
import { describeDatabase } from '../database/describe-database.js';
import { startReport, type StartReport } from './start-report.js';

/** A client that does not finish its request may hold the stop up for this long. */
const CLOSE_CONNECTIONS_AFTER_MS = 1500;
/** A supervisor that waits 10 s before it kills sees the process end by itself. */
const GIVE_UP_AFTER_MS = 9000;

/** An application that listens. */
export interface Served {
  readonly report: StartReport;
  /** Answers what is in flight, then ends the process: with 0, or with 1 when that does not work in time. */
  stop(): void;
}

/** Starts this process's application. Ends the process with 1, and one clear line, when it cannot. */
export async function serve(config: AppConfig, logger: PinoLogger, seat: Seat): Promise<Served> {
  const { database, host, port } = config;
  const app = await createApp(config, { logger, duties: dutiesOf(config, seat) }).catch((error: unknown) =>
    giveUp(logger, startProblem(error, describeDatabase(database)), error),
  );
  await app.listen(port, host).catch((error: unknown) => giveUp(logger, listenProblem(error, host, port), error));
  return { report: startReport(app, config), stop: () => stopApp(app, logger, seat) };
}

/** Logs one sentence; the stack is logged at level `debug`. */
function giveUp(logger: PinoLogger, problem: string, error: unknown): never {
  logger.debug({ msg: 'where the start ended', error: describeError(error) });
  logger.fatal(`the server cannot start: ${problem}`);
  process.exit(1);
}

function stopApp(app: NestFastifyApplication, logger: PinoLogger, seat: Seat): void {
  setTimeout(() => app.getHttpServer().closeAllConnections(), CLOSE_CONNECTIONS_AFTER_MS).unref();
  setTimeout(() => {
    logger.error('the stop took too long: what is queued stays for the next start');
    process.exit(1);
  }, GIVE_UP_AFTER_MS).unref();
  app.close().then(
    () => {
      if (seat === 'alone') logger.log('stopped');
      process.exit(0);
    },
    (error: unknown) => {
      logger.error({ msg: 'the stop failed', error: describeError(error) });
      process.exit(1);
    },
  );
}
