import { type MigrationInterface, type QueryRunner, Table, TableColumn } from 'typeorm';

/** What the statistics page shows beyond the original's statistics: counts by the hour, and Huawei's share. */
export class StatisticsHours1795480000000 implements MigrationInterface {
  name = 'StatisticsHours1795480000000';

  async up(runner: QueryRunner): Promise<void> {
    const count = (name: string) => ({ name, type: 'bigint' });
    // The default: an instance of an older version goes on writing rows until it is replaced.
    const huawei = { ...count('huawei_pn_number'), default: 0 };
    if (!(await runner.hasColumn('statistics', huawei.name))) {
      await runner.addColumn('statistics', new TableColumn(huawei));
    }
    await runner.createTable(
      new Table({
        name: 'statistics_hours',
        columns: [
          { ...count('start_date'), isPrimary: true },
          count('end_date'),
          count('ios_pn_number'),
          count('android_pn_number'),
          huawei,
          count('total_message_number'),
          count('closed_group_message_number'),
          count('untracked_message_number'),
          count('deduplicated_1_1_message_number'),
        ],
      }),
      true,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('statistics_hours');
    await runner.dropColumn('statistics', 'huawei_pn_number');
  }
}
