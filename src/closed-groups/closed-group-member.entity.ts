import { Entity, PrimaryColumn } from 'typeorm';

/** A Session id that follows a legacy closed group. The id need not have a device. */
@Entity('closed_group_members')
export class ClosedGroupMember {
  @PrimaryColumn({ name: 'group_id', type: 'varchar', length: 255 })
  groupId: string;

  @PrimaryColumn({ name: 'session_id', type: 'varchar', length: 255 })
  sessionId: string;
}
