import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { OperatorEvents } from '../operator/operator-events.js';
import { RedisClient } from './redis-client.js';
import { checkRedis, NO_APPEND_ONLY_FILE, type RedisSetup, RedisSetupError } from './redis-requirements.js';

const EVERY_MS = 60_000;

/**
 * Looks at how Redis is set up on every connect and every minute: what was fit for a queue at the start may be changed
 * while it runs, and another Redis may answer after an outage.
 */
@Injectable()
export class RedisWatch implements OnModuleInit {
  private readonly logger = new Logger(RedisWatch.name);
  private problem: RedisSetupError | null = null;
  private wasPersistent = true;

  constructor(
    private readonly redis: RedisClient,
    private readonly events: OperatorEvents,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.look();
    this.redis.on('ready', () => void this.look());
  }

  /** @throws RedisSetupError when Redis would throw queued notifications away */
  requireSafe(): void {
    if (this.problem) throw this.problem;
  }

  @Interval(EVERY_MS)
  async look(): Promise<void> {
    try {
      const setup = await checkRedis(this.redis);
      this.found(null);
      this.tellPersistence(setup);
    } catch (error) {
      // A Redis that does not answer is reported by the health check; its settings are not known then.
      if (error instanceof RedisSetupError) this.found(error);
    }
  }

  private found(problem: RedisSetupError | null): void {
    if (problem?.message === this.problem?.message) return;
    this.problem = problem;
    if (problem) {
      this.logger.error(problem.message);
      this.events.emit({ kind: 'redis-unsafe', reason: problem.message });
    } else {
      this.logger.log('Redis keeps what is queued again');
      this.events.emit({ kind: 'redis-safe' });
    }
  }

  private tellPersistence({ persistent }: RedisSetup): void {
    if (!persistent && this.wasPersistent) this.logger.warn(NO_APPEND_ONLY_FILE);
    this.wasPersistent = persistent;
  }
}
