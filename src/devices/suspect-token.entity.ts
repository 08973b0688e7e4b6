import { Column, Entity, PrimaryColumn } from 'typeorm';
import { epochColumn } from '../database/epoch-column.js';
import { type StoredToken } from '../sealing/sealing.js';

/** A token that its provider called dead while too many were called dead: kept until the operator or time decides. */
@Entity('suspect_tokens')
export class SuspectToken {
  @PrimaryColumn({ type: 'varchar', length: 1421 })
  token: StoredToken;

  @Column({ type: 'varchar', length: 16 })
  provider: string;

  /** The provider's own reason. */
  @Column({ type: 'varchar', length: 64 })
  reason: string;

  /** Registration time of the token when the push was sent; a later registration clears the suspicion. */
  @Column(epochColumn('registered_at'))
  registeredAt: number;

  @Column(epochColumn('suspected_at'))
  suspectedAt: number;
}
