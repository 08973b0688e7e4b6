import { Injectable } from '@nestjs/common';
import { newTimedId } from '../common/time/timed-id.js';
import { AppConfig } from '../config/app-config.js';
import { LegacyCommand, type LegacyResult, SUCCESS } from '../onion/legacy-command.decorator.js';
import { legacyContent } from '../providers/push-content.js';
import { Sealing } from '../sealing/sealing.js';
import { DuplicateFilter } from './duplicate-filter.js';
import { type Notify, notifySchema } from './dto/notify.dto.js';
import { NotificationQueue } from '../delivery/queue/notification-queue.js';

/** The most that any provider takes, in bytes. Data above it can never be carried, so it is not stored either. */
const MAX_PAYLOAD_BYTES = 4096;

@Injectable()
export class NotificationsCommands {
  constructor(
    private readonly config: AppConfig,
    private readonly queue: NotificationQueue,
    private readonly duplicates: DuplicateFilter,
    private readonly sealing: Sealing,
  ) {}

  /** `Success` means on disk, and is the answer for anybody: it does not tell who is registered. */
  @LegacyCommand('notify', notifySchema)
  async notify({ send_to, data }: Notify): Promise<LegacyResult> {
    const recipient = this.sealing.id(send_to);
    await this.duplicates.once(recipient, data, () => {
      const now = Date.now();
      return this.queue.add({
        notificationId: newTimedId(),
        lane: 'intake',
        recipient,
        content: legacyContent(Buffer.byteLength(data) > MAX_PAYLOAD_BYTES ? null : data),
        urgency: 'high',
        to: null,
        acceptedAt: now,
        expiresAt: now + this.config.notificationTtlMs,
        availableAt: now,
        attempts: 0,
      });
    });
    return SUCCESS;
  }
}
