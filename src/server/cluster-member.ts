import { PinoLogger } from '../common/words/pino-logger.js';
import { type AppConfig } from '../config/app-config.js';
import { LEADER_ARGUMENT, tellListening } from './listening-message.js';
import { serve } from './serve.js';

/** One of several processes that share the listener. The first process says what the operator reads, and when to stop. */
export async function runMember(config: AppConfig): Promise<void> {
  // Ctrl-C and a terminal's end reach the whole group; the first process decides what to do about it.
  process.on('SIGINT', () => undefined);
  process.on('SIGHUP', () => undefined);
  let stop: () => void = () => process.exit(0);
  process.on('SIGTERM', () => stop());
  const seat = process.argv.includes(LEADER_ARGUMENT) ? 'leader' : 'follower';
  const served = await serve(config, PinoLogger.create(config.logLevel, config.logFormat), seat);
  let stopping = false;
  stop = () => {
    if (!stopping) served.stop();
    stopping = true;
  };
  tellListening(served.report);
}
