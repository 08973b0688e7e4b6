import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Present when ids and tokens are sealed, or are about to be: then there is one row. */
@Entity('sealing')
export class SealingState {
  /** Tells whether a data key is the right one. */
  @PrimaryColumn({ name: 'key_check', type: 'varchar', length: 64 })
  keyCheck: string;

  /** There may be plain text left in rows, or of rows in the files, or tokens that a migration could not open. */
  @Column({ type: 'boolean' })
  converting: boolean;
}
