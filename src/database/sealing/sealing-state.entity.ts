import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Present when ids and tokens are sealed, or are about to be: then there is one row. */
@Entity('sealing')
export class SealingState {
  /** Tells whether data keys are the right ones, and how many they are: `keyCheckOf`. */
  @PrimaryColumn({ name: 'key_check', type: 'varchar', length: 64 })
  keyCheck: string;

  /** There may be rows left that are not sealed with this key, or remains of them in the files, or tokens that a migration could not open. */
  @Column({ type: 'boolean' })
  converting: boolean;
}
