import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { epochColumn } from '../../database/epoch-column.js';
import { type StoredAccount, type StoredId } from '../../sealing/sealing.js';

/** A row of the embedded queue; see `notification-queue.ts` for what the fields mean. */
@Entity('queued_notifications')
@Index('ix_queued_notifications_waiting', ['lane', 'leased', 'acceptedAt', 'availableAt'])
@Index('ix_queued_notifications_due', ['lane', 'leased', 'availableAt', 'acceptedAt'])
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
  recipient: StoredId | StoredAccount;

  /** Kind of the content; null in rows of version 0.1.0, which are `legacy` when they have data and `none` otherwise. */
  @Column({ type: 'varchar', length: 8, nullable: true })
  content: string | null;

  /** Null in rows of version 0.1.0: `high`. */
  @Column({ type: 'varchar', length: 8, nullable: true })
  urgency: string | null;

  @Column({ type: 'text', nullable: true })
  data: string | null;

  /** Whose devices the targets are; null = the lane's. */
  @Column({ type: 'varchar', length: 8, nullable: true })
  provider: string | null;

  /** JSON list of the devices still to reach; null = they are looked up at intake. */
  @Column({ type: 'text', nullable: true })
  targets: string | null;

  /** Where the next page of devices begins; null = they are not looked up in pages. */
  @Column({ name: 'page_cursor', type: 'varchar', length: 255, nullable: true })
  cursor: string | null;

  /** How many processes crashed while they had it; null = none. */
  @Column({ type: 'integer', nullable: true })
  deaths: number | null;
}
