import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { toSafeNumber } from '../../database/epoch-column.js';

/** A phone has unsubscribed: whoever kept the request by which it had subscribed cannot bring it back. */
@Entity('ended_subscriptions')
export class EndedSubscription {
  /** One-way; of account, service and token. */
  @PrimaryColumn({ type: 'varchar', length: 64 })
  fingerprint: string;

  /** UTC epoch seconds at which the end was signed; what was signed before it is over. */
  @Index('ix_ended_subscriptions_sig_ts')
  @Column({ name: 'sig_ts', type: 'bigint', transformer: toSafeNumber })
  sigTs: number;
}
