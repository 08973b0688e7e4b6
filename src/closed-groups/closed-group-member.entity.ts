import { Column, Entity, PrimaryColumn } from 'typeorm';
import { epochColumn } from '../database/epoch-column.js';
import { type StoredId } from '../sealing/sealing.js';

/** A Session id that follows a legacy closed group. The id need not have a device. */
@Entity('closed_group_members')
export class ClosedGroupMember {
  @PrimaryColumn({ name: 'group_id', type: 'varchar', length: 255 })
  groupId: StoredId;

  @PrimaryColumn({ name: 'session_id', type: 'varchar', length: 255 })
  sessionId: StoredId;

  /** Since when the id has no device, as far as it was looked at; null = it has one. */
  @Column({ ...epochColumn('deviceless_since'), nullable: true })
  devicelessSince: number | null;
}
