import { BullModule } from '@nestjs/bullmq';
import { Module } from '@nestjs/common';
import { KEY_PREFIX, RedisClient } from '../../../redis/redis-client.js';
import { BullmqQueue, BullmqTimes, DEFAULT_BULLMQ_TIMES } from './bullmq-queue.js';
import { LANES, NotificationQueue } from '../notification-queue.js';

/** Events are for programs that watch a queue; there are none. */
const KEPT_EVENTS = 10;

/** The queue of several instances. */
@Module({
  imports: [
    BullModule.forRootAsync({
      inject: [RedisClient],
      useFactory: (connection: RedisClient) => ({
        connection,
        prefix: KEY_PREFIX,
        streams: { events: { maxLen: KEPT_EVENTS } },
      }),
    }),
    BullModule.registerQueue(...LANES.map((name) => ({ name }))),
  ],
  providers: [
    { provide: BullmqTimes, useValue: DEFAULT_BULLMQ_TIMES },
    { provide: NotificationQueue, useClass: BullmqQueue },
  ],
  exports: [NotificationQueue],
})
export class BullmqQueueModule {}
