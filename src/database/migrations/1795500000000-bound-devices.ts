import { type MigrationInterface, type QueryRunner, TableColumn } from 'typeorm';
import { isMysql } from './resize-token.js';

const NAME = 'binding';

/** Sealed rows of devices are bound to what they hold. Those of before need the key: `sealDatabase` does it. */
export class BoundDevices1795500000000 implements MigrationInterface {
  name = 'BoundDevices1795500000000';

  async up(runner: QueryRunner): Promise<void> {
    // MariaDB and MySQL keep what a migration did that was killed before it was noted, and it runs again.
    if (await runner.hasColumn('devices', NAME)) return;
    const ascii = isMysql(runner) ? { charset: 'ascii', collation: 'ascii_bin' } : {};
    await runner.addColumn(
      'devices',
      new TableColumn({ name: NAME, type: 'varchar', length: '22', isNullable: true, ...ascii }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    const states = (await runner.query('SELECT key_check FROM sealing')) as unknown[];
    if (states.length > 0)
      throw new Error('Ids and tokens are sealed and bound to their rows, of which an older version knows nothing.');
    await runner.dropColumn('devices', NAME);
  }
}
