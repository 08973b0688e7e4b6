import { DataSource, type EntityManager } from 'typeorm';
import { type DatabaseWriter } from '../../database/database-writer.js';
import { inPowersOfTwo, placeholders } from '../../database/statement-sizes.js';
import { type StoredMembership } from '../../closed-groups/seal-membership.js';
import { bindDevice } from '../../sealing/bound-device.js';
import { type Sealing } from '../../sealing/sealing.js';
import { type Sealed } from '../../devices/seal-registration.js';
import { type ImportedDevice, type ImportedPeriod } from './v1-rows.js';

const PERIOD_COLUMNS = [
  'start_date',
  'end_date',
  'ios_pn_number',
  'android_pn_number',
  'total_message_number',
  'closed_group_message_number',
  'untracked_message_number',
  'deduplicated_1_1_message_number',
];

/**
 * Our database as an import writes it: whatever is there already stays as it is.
 */
export class ImportTarget {
  /** MariaDB works on several at a time; SQLite would make one long transaction of them. */
  readonly transactionsAtOnce: number;
  private readonly insertIgnore: string;

  constructor(
    dataSource: DataSource,
    private readonly writer: DatabaseWriter,
    private readonly sealing: Sealing,
  ) {
    const sqlite = dataSource.options.type === 'better-sqlite3';
    this.transactionsAtOnce = sqlite ? 1 : 4;
    this.insertIgnore = sqlite ? 'INSERT OR IGNORE' : 'INSERT IGNORE';
  }

  /** Returns how many were new. */
  addDevices(devices: readonly Sealed<ImportedDevice>[], registeredAt: number): Promise<number> {
    const columns = ['token', 'session_id', 'device_type', 'legacy_groups_only', 'registered_at', 'binding'];
    const rows = devices.map((device) => [
      device.token,
      device.sessionId,
      device.deviceType,
      device.legacyGroupsOnly ? 1 : 0,
      registeredAt,
      bindDevice(this.sealing, device),
    ]);
    return this.writer.write((manager) => this.insert(manager, 'devices', columns, rows));
  }

  /** Returns how many were new. */
  addMembers(members: readonly StoredMembership[], changedAt: number): Promise<number> {
    const groups = [...new Set(members.map(({ groupId }) => groupId))].map((groupId) => [groupId, changedAt]);
    const rows = members.map(({ groupId, sessionId }) => [groupId, sessionId]);
    return this.writer.write(async (manager) => {
      await this.insert(manager, 'closed_groups', ['group_id', 'changed_at'], groups);
      return this.insert(manager, 'closed_group_members', ['group_id', 'session_id'], rows);
    });
  }

  /** A period that the original went on counting since an earlier import is brought up to date. */
  addPeriods(periods: readonly ImportedPeriod[]): Promise<{ imported: number; updated: number }> {
    const changes = PERIOD_COLUMNS.slice(1).map((column) => `${column} = ?`);
    return this.writer.write(async (manager) => {
      const imported = await this.insert(manager, 'statistics', PERIOD_COLUMNS, periods);
      let updated = 0;
      for (const [start, end, ...counts] of periods) {
        updated += await affectedRows(
          manager,
          `UPDATE statistics SET ${changes.join(', ')} WHERE start_date = ? AND end_date < ?`,
          [end, ...counts, start, end],
        );
      }
      return { imported, updated };
    });
  }

  private async insert(
    manager: EntityManager,
    table: string,
    columns: readonly string[],
    rows: readonly (readonly (string | number | null)[])[],
  ): Promise<number> {
    const row = `(${placeholders(columns.length)})`;
    let added = 0;
    for (const some of inPowersOfTwo(rows)) {
      const values = new Array<string>(some.length).fill(row).join(', ');
      const statement = `${this.insertIgnore} INTO ${table} (${columns.join(', ')}) VALUES ${values}`;
      added += await affectedRows(manager, statement, some.flat());
    }
    return added;
  }
}

async function affectedRows(manager: EntityManager, statement: string, parameters: unknown[]): Promise<number> {
  const runner = manager.queryRunner;
  if (!runner) throw new Error('Writes need the query runner of a transaction.');
  const { affected } = await runner.query(statement, parameters, true);
  return affected ?? 0;
}
