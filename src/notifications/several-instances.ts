import { RedisClient } from '../redis/redis-client.js';
import { DELIVERY_TUNING, type DeliveryTuning } from './delivery/delivery-tuning.js';
import { RECIPIENT_LIMITER, recipientBounds } from './delivery/recipient-limit.js';
import { SharedRecipientLimit } from './delivery/shared-recipient-limit.js';
import { DuplicateFilter } from './duplicate-filter.js';
import { type InstanceSharing } from './instance-sharing.js';
import { BullmqQueueModule } from './queue/bullmq-queue.module.js';
import { SharedDuplicateFilter } from './shared-duplicate-filter.js';

/** Redis carries the queue and tells each instance what the others did. */
export const SEVERAL_INSTANCES: InstanceSharing = {
  queue: BullmqQueueModule,
  providers: [
    { provide: DuplicateFilter, useClass: SharedDuplicateFilter },
    {
      provide: RECIPIENT_LIMITER,
      inject: [RedisClient, DELIVERY_TUNING],
      useFactory: (redis: RedisClient, tuning: DeliveryTuning) =>
        new SharedRecipientLimit(redis, recipientBounds(tuning)),
    },
  ],
};
