import { randomUUID } from 'node:crypto';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { type Redis } from 'ioredis';
import { describeError } from '../../common/words/describe-error.js';
import { KEY_PREFIX, RedisClient } from '../../redis/redis-client.js';
import { type ChangeListener, SubscriptionSignal } from '../watching/subscription-signal.js';

const CHANNEL = `${KEY_PREFIX}:subscribed`;

interface Changed {
  /** The process whose client changed them. */
  readonly from: string;
  readonly accounts: readonly string[];
}

/** Tells all instances that watch the network: one accepts the phone's request, each of the others tells its own nodes. */
@Injectable()
export class SharedSubscriptionSignal extends SubscriptionSignal implements OnApplicationShutdown {
  private readonly logger = new Logger(SharedSubscriptionSignal.name);
  private readonly ownId = randomUUID();
  private subscriber: Redis | null = null;

  constructor(private readonly redis: RedisClient) {
    super();
  }

  /** This instance is told at once and by itself: the connection that listens may not be there yet, or not at the moment. */
  override changed(accounts: readonly string[]): void {
    if (accounts.length === 0) return;
    super.changed(accounts);
    this.redis.publish(CHANNEL, JSON.stringify({ from: this.ownId, accounts })).catch((error: unknown) => {
      this.logger.warn({
        msg: 'other instances learn of new subscriptions only with the next renewal',
        error: describeError(error),
      });
    });
  }

  /**
   * A connection of its own: one that listens can do nothing else. Redis keeps nothing for those who are not there, so that
   * something may have been missed whenever it is connected, the first time too.
   */
  override listen(listener: ChangeListener, missed: () => void): void {
    super.listen(listener, missed);
    const subscriber = this.redis.duplicate();
    this.subscriber = subscriber;
    subscriber.on('error', (error: Error) => {
      this.logger.debug({ msg: 'error of the listening connection', error: describeError(error) });
    });
    subscriber.on('message', (_channel, message) => {
      const { from, accounts } = JSON.parse(message) as Changed;
      if (from !== this.ownId) listener(accounts);
    });
    const hear = async (): Promise<void> => {
      try {
        await subscriber.subscribe(CHANNEL);
        missed();
      } catch (error) {
        this.logger.warn({
          msg: 'new subscriptions of other instances are not received yet',
          error: describeError(error),
        });
      }
    };
    subscriber.on('ready', () => void hear());
    // It tries again by itself, and the error is reported above.
    subscriber.connect().catch(() => undefined);
  }

  override onApplicationShutdown(): void {
    super.onApplicationShutdown();
    this.subscriber?.disconnect();
  }
}
