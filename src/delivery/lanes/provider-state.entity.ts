import { Column, Entity, PrimaryColumn } from 'typeorm';
import { epochColumn } from '../../database/epoch-column.js';
import { type Provider, type RetryCause } from '../../providers/push-transport.js';

/** The health of a provider, saved because a restart of ours does not end an outage of theirs. */
@Entity('provider_states')
export class ProviderState {
  @PrimaryColumn({ type: 'varchar', length: 16 })
  provider: Provider;

  /** It accepted a push at some time. */
  @Column({ name: 'has_delivered', type: 'boolean' })
  hasDelivered: boolean;

  /** Why its pushes wait; null = they do not. */
  @Column({ type: 'varchar', length: 24, nullable: true })
  cause: RetryCause | null;

  @Column({ type: 'varchar', length: 64, nullable: true })
  reason: string | null;

  @Column({ ...epochColumn('since'), nullable: true })
  since: number | null;

  /** Until when nothing is sent; null = the breaker is closed. */
  @Column({ ...epochColumn('open_until'), nullable: true })
  openUntil: number | null;
}
