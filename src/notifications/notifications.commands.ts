import { Inject, Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { type AppConfig } from '../config/app-config.js';
import { APP_CONFIG } from '../config/config.module.js';
import { type CommandResult, OnionCommand, SUCCESS } from '../onion/onion-command.decorator.js';
import { Sealing } from '../sealing/sealing.js';
import { DuplicateFilter } from './duplicate-filter.js';
import { type Notify, notifySchema } from './dto/notify.dto.js';
import { NotificationQueue } from './queue/notification-queue.js';

/** The most that any provider takes, in bytes. Data above it can never be carried, so it is not stored either. */
const MAX_PAYLOAD_BYTES = 4096;

@Injectable()
export class NotificationsCommands {
  constructor(
    @Inject(APP_CONFIG) private readonly config: AppConfig,
    private readonly queue: NotificationQueue,
    private readonly duplicates: DuplicateFilter,
    private readonly sealing: Sealing,
  ) {}

  /** `Success` means on disk, and is the answer for anybody: it does not tell who is registered. */
  @OnionCommand('notify', notifySchema)
  async notify({ send_to, data }: Notify): Promise<CommandResult> {
    const recipient = this.sealing.id(send_to);
    await this.duplicates.once(recipient, data, () => {
      const now = Date.now();
      return this.queue.add({
        notificationId: uuidv7(),
        lane: 'intake',
        recipient,
        data: Buffer.byteLength(data) > MAX_PAYLOAD_BYTES ? null : data,
        targets: null,
        acceptedAt: now,
        expiresAt: now + this.config.notificationTtlMs,
        availableAt: now,
        attempts: 0,
      });
    });
    return SUCCESS;
  }
}
