import { type MigrationInterface, type QueryRunner, TableIndex } from 'typeorm';

const TABLE = 'queued_notifications';
const NAME = 'ix_queued_notifications_due';

/** Finds what is due in a lane that holds a million items which are put off. */
export class DueIndex1795250000000 implements MigrationInterface {
  name = 'DueIndex1795250000000';

  async up(runner: QueryRunner): Promise<void> {
    // MariaDB and MySQL keep the index of a migration that was killed before it was noted, and it runs again.
    const table = await runner.getTable(TABLE);
    if (table?.indices.some(({ name }) => name === NAME)) return;
    const columnNames = ['lane', 'leased', 'available_at', 'accepted_at'];
    await runner.createIndex(TABLE, new TableIndex({ name: NAME, columnNames }));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropIndex(TABLE, NAME);
  }
}
