import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { epochColumn } from '../database/epoch-column.js';
import { type StoredId, type StoredToken } from '../sealing/sealing.js';

/** As clients spell it in requests. `unknown` is accepted and stored but no provider delivers to it. */
export const DEVICE_TYPES = ['ios', 'android', 'huawei', 'unknown'] as const;
export type DeviceType = (typeof DEVICE_TYPES)[number];

/** A device token and the Session id that it belongs to. One token belongs to one id. */
@Entity('devices')
export class Device {
  @PrimaryColumn({ type: 'varchar', length: 1421 })
  token: StoredToken;

  @Index('ix_devices_session_id')
  @Column({ name: 'session_id', type: 'varchar', length: 255 })
  sessionId: StoredId;

  @Column({ name: 'device_type', type: 'varchar', length: 16 })
  deviceType: DeviceType;

  /** Registered for legacy closed groups only: 1-1 pushes do not go to this token. */
  @Column({ name: 'legacy_groups_only', type: 'boolean' })
  legacyGroupsOnly: boolean;

  /** UTC epoch milliseconds of the latest registration, which is also when the token was last seen. */
  @Column(epochColumn('registered_at'))
  registeredAt: number;

  /** The APNs environment that accepted the token; null = not known. */
  @Column({ name: 'apns_environment', type: 'varchar', length: 16, nullable: true })
  apnsEnvironment: 'production' | 'sandbox' | null;

  /** When its provider accepted a push for the token, to within some days; null = never, as far as is known. */
  @Column({ ...epochColumn('accepted_at'), nullable: true })
  acceptedAt: number | null;

  /** Tells that this server has put the token, the id and the type together; null = they are not sealed. */
  @Column({ type: 'varchar', length: 22, nullable: true })
  binding: string | null;
}
