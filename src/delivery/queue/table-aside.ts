import { type DataSource } from 'typeorm';
import { type DatabaseWriter } from '../../database/database-writer.js';
import { countChanged } from '../../database/dialect.js';
import { AsideNotifications, type AsideSummary } from './aside-notifications.js';
import { type Lane } from './notification-queue.js';
import { MAX_DEATHS } from './set-aside.js';

/** Those that fewer processes crashed on are about to be tried alone, and are left to the server. */
const IS_SET_ASIDE = `lane = 'aside' AND leased = 0 AND deaths >= ${MAX_DEATHS}`;

const LANE_BEFORE = `CASE WHEN page_cursor IS NOT NULL THEN 'large' ELSE COALESCE(provider, 'intake') END`;

/** Of the embedded queue. */
export class TableAside extends AsideNotifications {
  constructor(
    private readonly dataSource: DataSource,
    private readonly writer: DatabaseWriter,
  ) {
    super();
  }

  override async summary(): Promise<AsideSummary[]> {
    const rows = await this.dataSource.query<{ was: Lane; count: number | string; oldest: number | string }[]>(
      `SELECT ${LANE_BEFORE} AS was, COUNT(*) AS count, MIN(accepted_at) AS oldest
         FROM queued_notifications WHERE ${IS_SET_ASIDE} GROUP BY ${LANE_BEFORE} ORDER BY was`,
    );
    return rows.map((row) => ({ lane: row.was, count: Number(row.count), oldestAcceptedAt: Number(row.oldest) }));
  }

  override release(): Promise<number> {
    return this.writer.write((manager) =>
      countChanged(
        manager,
        `UPDATE queued_notifications SET lane = ${LANE_BEFORE}, deaths = NULL, available_at = ? WHERE ${IS_SET_ASIDE}`,
        [Date.now()],
      ),
    );
  }

  override drop(): Promise<number> {
    return this.writer.write((manager) =>
      countChanged(manager, `DELETE FROM queued_notifications WHERE ${IS_SET_ASIDE}`, []),
    );
  }
}
