import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What this database is called by others, Redis for one. There is one row. */
@Entity('database_id')
export class DatabaseIdRow {
  /** Always 1. */
  @PrimaryColumn({ type: 'integer' })
  only: number;

  /** A random UUID. */
  @Column({ type: 'varchar', length: 36 })
  id: string;
}
