import { type MigrationInterface, type QueryRunner, TableColumn } from 'typeorm';

const TABLE = 'queued_notifications';

/** What a queued push carries, how soon it is wanted, and whose devices it brings along. */
export class PushContent1795200000000 implements MigrationInterface {
  name = 'PushContent1795200000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const column of newColumns(runner)) {
      // MariaDB and MySQL keep what a migration did that was killed before it was noted, and it runs again.
      if (!(await runner.hasColumn(TABLE, column.name))) await runner.addColumn(TABLE, column);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    // An older version would send them as something that the apps do not understand.
    await runner.query(`DELETE FROM ${TABLE} WHERE content = 'sealed' OR (lane = 'intake' AND targets IS NOT NULL)`);
    for (const { name } of newColumns(runner)) await runner.dropColumn(TABLE, name);
  }
}

function newColumns(runner: QueryRunner): TableColumn[] {
  const isMysql = ['mysql', 'mariadb'].includes(runner.connection.options.type);
  const ascii = isMysql ? { charset: 'ascii', collation: 'ascii_bin' } : {};
  return ['content', 'urgency', 'provider'].map(
    (name) => new TableColumn({ name, type: 'varchar', length: '8', isNullable: true, ...ascii }),
  );
}
