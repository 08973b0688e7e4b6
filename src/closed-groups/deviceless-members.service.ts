import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { DatabaseWriter } from '../database/database-writer.js';

/** Members that one transaction looks at. */
const PAGE_ROWS = 512;

interface Member {
  readonly group_id: string;
  readonly session_id: string;
}

/** Before every member. */
const BEGINNING: Member = { group_id: '', session_id: '' };

const HAS_DEVICE = 'EXISTS (SELECT 1 FROM devices d WHERE d.session_id = closed_group_members.session_id)';

/** From one member, left out, to another one, included, in the order of the key. */
const RANGE =
  'group_id >= ? AND (group_id > ? OR session_id > ?) AND group_id <= ? AND (group_id < ? OR session_id <= ?)';

/** Ends memberships of ids without a device: they wake no phone, and they tell who knows whom. */
@Injectable()
export class DevicelessMembersService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly writer: DatabaseWriter,
  ) {}

  /**
   * Looks at every member: notes from when on its id has no device, and removes those that had none for long. In short
   * transactions, between which others have their turn.
   *
   * @param now UTC epoch milliseconds
   * @returns how many were removed
   */
  async sweep(now: number, keepMs: number): Promise<number> {
    let removed = 0;
    for (let from: Member | null = BEGINNING; from !== null;) {
      const end: Member | null = await this.endOfPage(from);
      removed += end ? await this.sweepPage(from, end, now, keepMs) : 0;
      from = end;
    }
    return removed;
  }

  private async endOfPage({ group_id, session_id }: Member): Promise<Member | null> {
    const page = await this.dataSource.query<Member[]>(
      `SELECT group_id, session_id FROM closed_group_members WHERE group_id >= ? AND (group_id > ? OR session_id > ?)
        ORDER BY group_id, session_id LIMIT ${PAGE_ROWS}`,
      [group_id, group_id, session_id],
    );
    return page.at(-1) ?? null;
  }

  private sweepPage(from: Member, end: Member, now: number, keepMs: number): Promise<number> {
    const range = [from.group_id, from.group_id, from.session_id, end.group_id, end.group_id, end.session_id];
    return this.writer.write(async (manager) => {
      await set(manager, `deviceless_since IS NULL AND NOT ${HAS_DEVICE}`, now, range);
      await set(manager, `deviceless_since IS NOT NULL AND ${HAS_DEVICE}`, null, range);
      const where = `${RANGE} AND deviceless_since <= ?`;
      const gone = [...range, now - keepMs];
      const [row] = await manager.query<{ count: number | string }[]>(
        `SELECT COUNT(*) AS count FROM closed_group_members WHERE ${where}`,
        gone,
      );
      const count = Number(row?.count ?? 0);
      if (count > 0) await manager.query(`DELETE FROM closed_group_members WHERE ${where}`, gone);
      return count;
    });
  }
}

async function set(manager: EntityManager, which: string, since: number | null, range: unknown[]): Promise<void> {
  await manager.query(`UPDATE closed_group_members SET deviceless_since = ? WHERE ${RANGE} AND ${which}`, [
    since,
    ...range,
  ]);
}
