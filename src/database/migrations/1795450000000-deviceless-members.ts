import { type MigrationInterface, type QueryRunner, TableColumn } from 'typeorm';

const TABLE = 'closed_group_members';
const COLUMN = 'deviceless_since';

/** Since when a member of a closed group has no device, so that it does not stay for ever. */
export class DevicelessMembers1795450000000 implements MigrationInterface {
  name = 'DevicelessMembers1795450000000';

  async up(runner: QueryRunner): Promise<void> {
    // MariaDB and MySQL keep the column of a migration that was killed before it was noted, and it runs again.
    if (await runner.hasColumn(TABLE, COLUMN)) return;
    await runner.addColumn(TABLE, new TableColumn({ name: COLUMN, type: 'bigint', isNullable: true }));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropColumn(TABLE, COLUMN);
  }
}
