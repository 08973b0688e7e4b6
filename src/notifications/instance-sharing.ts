import { type Provider, type Type } from '@nestjs/common';

/** What differs between the only instance and one of several: the queue, and where it is remembered what went before. */
export interface InstanceSharing {
  /** Exports the `NotificationQueue`. */
  queue: Type;
  /** The `DuplicateFilter` and the `RECIPIENT_LIMITER`. */
  providers: Provider[];
}
