import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { epochColumn, toSafeNumber } from '../../database/epoch-column.js';
import { type StoredAccount, type StoredId, type StoredToken } from '../../sealing/sealing.js';
import { type PushService } from '../wire/push-service.js';

/** A phone's wish to be told of an account's messages. See docs/subscriptions.md §5 for what is sealed of it. */
@Entity('subscriptions')
@Index('ix_subscriptions_token', ['service', 'token'])
@Index('ix_subscriptions_place', ['swarmPlace', 'account'])
export class Subscription {
  /** Lower-case hexadecimal of the 33 bytes. */
  @PrimaryColumn({ type: 'varchar', length: 100 })
  account: StoredAccount;

  @PrimaryColumn({ type: 'varchar', length: 16 })
  service: PushService;

  @PrimaryColumn({ type: 'varchar', length: 1421 })
  token: StoredToken;

  /** The account's owner, or one of his subaccounts; tells apart who takes up the account's room. */
  @Column({ type: 'varchar', length: 80 })
  signer: StoredId;

  /** The upper 16 bits of the account's place among the swarms. */
  @Column({ name: 'swarm_place', type: 'integer' })
  swarmPlace: number;

  /** Ascending decimal numbers with commas between them, as they are signed. */
  @Column({ type: 'varchar', length: 255 })
  namespaces: string;

  @Column({ name: 'wants_data', type: 'boolean' })
  wantsData: boolean;

  /** UTC epoch seconds at which it was signed; storage nodes take it for 14 days. */
  @Index('ix_subscriptions_sig_ts')
  @Column({ name: 'sig_ts', type: 'bigint', transformer: toSafeNumber })
  sigTs: number;

  /** See `credentials.protocol.ts`. */
  @Column({ type: 'blob' })
  credentials: Buffer;

  /** The key with which its phone opens pushes. */
  @Column({ name: 'enc_key', type: 'blob' })
  encKey: Buffer;

  /** What a service needs beside the token. */
  @Column({ name: 'service_info', type: 'blob', nullable: true })
  serviceInfo: Buffer | null;

  /** UTC epoch milliseconds of the latest subscribing. */
  @Column(epochColumn('registered_at'))
  registeredAt: number;

  /** UTC epoch milliseconds at which its provider took the first push to this token; null = never yet. */
  @Column({ ...epochColumn('accepted_at'), nullable: true })
  acceptedAt: number | null;
}
