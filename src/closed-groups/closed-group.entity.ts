import { Entity, PrimaryColumn, Column } from 'typeorm';
import { epochColumn } from '../database/epoch-column.js';
import { type StoredId } from '../sealing/sealing.js';

/** A legacy closed group that has members or lately had some. */
@Entity('closed_groups')
export class ClosedGroup {
  @PrimaryColumn({ name: 'group_id', type: 'varchar', length: 255 })
  groupId: StoredId;

  /** UTC epoch milliseconds of the latest leave, or of the first join. */
  @Column(epochColumn('changed_at'))
  changedAt: number;
}
