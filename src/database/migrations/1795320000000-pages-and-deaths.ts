import { type MigrationInterface, type QueryRunner, TableColumn } from 'typeorm';

const TABLE = 'queued_notifications';

/** How far a large recipient was gone through, and how many processes died with an item. */
export class PagesAndDeaths1795320000000 implements MigrationInterface {
  name = 'PagesAndDeaths1795320000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const column of newColumns(runner)) {
      // MariaDB and MySQL keep what a migration did that was killed before it was noted, and it runs again.
      if (!(await runner.hasColumn(TABLE, column.name))) await runner.addColumn(TABLE, column);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    // An older version looks all devices of a recipient up at once, and takes from no other lanes.
    await runner.query(`UPDATE ${TABLE} SET lane = 'intake', provider = NULL, targets = NULL WHERE lane = 'large'`);
    await runner.query(`UPDATE ${TABLE} SET lane = COALESCE(provider, 'intake') WHERE lane = 'aside'`);
    for (const { name } of newColumns(runner)) await runner.dropColumn(TABLE, name);
  }
}

function newColumns(runner: QueryRunner): TableColumn[] {
  const isMysql = ['mysql', 'mariadb'].includes(runner.connection.options.type);
  const ascii = isMysql ? { charset: 'ascii', collation: 'ascii_bin' } : {};
  return [
    new TableColumn({ name: 'page_cursor', type: 'varchar', length: '255', isNullable: true, ...ascii }),
    new TableColumn({ name: 'deaths', type: isMysql ? 'int' : 'integer', isNullable: true }),
  ];
}
