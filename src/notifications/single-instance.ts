import { DELIVERY_TUNING, type DeliveryTuning } from './delivery/delivery-tuning.js';
import { RECIPIENT_LIMITER, RecipientLimit, recipientBounds } from './delivery/recipient-limit.js';
import { DuplicateFilter } from './duplicate-filter.js';
import { type InstanceSharing } from './instance-sharing.js';
import { TableQueueModule } from './queue/table-queue.module.js';

/** The database carries the queue, and memory is enough for what went before. */
export const SINGLE_INSTANCE: InstanceSharing = {
  queue: TableQueueModule,
  providers: [
    DuplicateFilter,
    {
      provide: RECIPIENT_LIMITER,
      inject: [DELIVERY_TUNING],
      useFactory: (tuning: DeliveryTuning) => new RecipientLimit(recipientBounds(tuning)),
    },
  ],
};
