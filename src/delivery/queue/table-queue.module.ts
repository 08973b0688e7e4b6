import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { NotificationQueue } from './notification-queue.js';
import { QueuedNotification } from './queued-notification.entity.js';
import { TableQueue } from './table-queue.js';

/** The embedded queue. */
@Module({
  imports: [TypeOrmModule.forFeature([QueuedNotification])],
  providers: [{ provide: NotificationQueue, useClass: TableQueue }],
  exports: [NotificationQueue],
})
export class TableQueueModule {}
