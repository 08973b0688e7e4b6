import { type PinoLogger } from '../common/words/pino-logger.js';

/** One Ctrl-C may arrive twice: from the terminal, and passed on by npm. */
const SAME_CTRL_C_MS = 500;
const EXIT_CTRL_C = 130;

/**
 * Calls `stop` with the first signal that ends a server. A second one (Ctrl-C pressed again) ends the process at once, as a
 * power cut would, which loses nothing that was acknowledged.
 *
 * @param endOthers the processes that this one started
 */
export function onStopSignal(logger: PinoLogger, stop: () => void, endOthers = (): void => {}): void {
  let stoppingSince: number | null = null;
  const onSignal = (signal: NodeJS.Signals): void => {
    const now = performance.now();
    if (stoppingSince === null) {
      stoppingSince = now;
      logger.log(
        logger.isReadable
          ? 'stopping within 10 s; Ctrl-C again ends it at once'
          : { msg: 'stopping', signal, withinSeconds: 10 },
      );
      stop();
    } else if (signal === 'SIGINT' && now - stoppingSince > SAME_CTRL_C_MS) {
      endOthers();
      process.exit(EXIT_CTRL_C);
    }
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}
