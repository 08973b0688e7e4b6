import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { epochColumn } from '../../database/epoch-column.js';

/** A row of the embedded queue; see `notification-queue.ts` for what the fields mean. */
@Entity('queued_notifications')
@Index('ix_queued_notifications_waiting', ['lane', 'leased', 'acceptedAt', 'availableAt'])
export class QueuedNotification {
  @PrimaryColumn({ type: 'varchar', length: 36 })
  id: string;

  @Column({ name: 'notification_id', type: 'varchar', length: 36 })
  notificationId: string;

  @Column({ type: 'varchar', length: 8 })
  lane: string;

  /** Taken by the delivering process, which forgets it when it dies: cleared at start. */
  @Column({ type: 'boolean' })
  leased: boolean;

  @Column(epochColumn('available_at'))
  availableAt: number;

  @Column(epochColumn('accepted_at'))
  acceptedAt: number;

  @Column(epochColumn('expires_at'))
  expiresAt: number;

  @Column({ type: 'integer' })
  attempts: number;

  @Column({ type: 'varchar', length: 255 })
  recipient: string;

  @Column({ type: 'text', nullable: true })
  data: string | null;

  /** JSON list of the devices still to reach; null = not looked up yet. */
  @Column({ type: 'text', nullable: true })
  targets: string | null;
}
