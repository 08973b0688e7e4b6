import { Injectable } from '@nestjs/common';
import { type EntityManager } from 'typeorm';
import { DatabaseWriter } from '../database/database-writer.js';
import { countRows, insertIfAbsent } from '../database/dialect.js';
import { ClosedGroupMember } from './closed-group-member.entity.js';
import { ClosedGroup } from './closed-group.entity.js';
import { type Membership } from './dto/closed-group-commands.dto.js';

/** Apps cap a legacy closed group at 100 members; forks may allow more. */
export const MAX_MEMBERS_PER_GROUP = 1000;

/** Groups that one transaction looks at. */
const PAGE_ROWS = 512;

/** Who follows which legacy closed group. */
@Injectable()
export class ClosedGroupsService {
  constructor(private readonly writer: DatabaseWriter) {}

  /** Whether the id is a member already or the group has room for one more. */
  async hasRoom(manager: EntityManager, { groupId, sessionId }: Membership): Promise<boolean> {
    const others = await countRows(
      manager,
      'SELECT COUNT(*) AS count FROM closed_group_members WHERE group_id = ? AND session_id <> ?',
      [groupId, sessionId],
    );
    if (others < MAX_MEMBERS_PER_GROUP) return true;
    return manager.existsBy(ClosedGroupMember, { groupId, sessionId });
  }

  /** Joining twice is fine. */
  async add(manager: EntityManager, { groupId, sessionId }: Membership): Promise<void> {
    await insertIfAbsent(manager, 'closed_groups', { group_id: groupId, changed_at: Date.now() });
    await insertIfAbsent(manager, 'closed_group_members', { group_id: groupId, session_id: sessionId });
  }

  /**
   * False: no such group. True also for an id that was no member: an app that asks again because the first answer got
   * lost must hear that it is out. For the same reason a group stays known for a while after its last member left.
   */
  leave({ groupId, sessionId }: Membership): Promise<boolean> {
    return this.writer.write(async (manager) => {
      const known = await manager.update(ClosedGroup, { groupId }, { changedAt: Date.now() });
      if (!known.affected) return false;
      await manager.delete(ClosedGroupMember, { groupId, sessionId });
      return true;
    });
  }

  /**
   * Forgets groups without members that nobody left since `before` (UTC epoch milliseconds); returns how many. In short
   * transactions, between which others have their turn.
   */
  async forgetEmpty(before: number): Promise<number> {
    let forgotten = 0;
    for (let last: string | null = ''; last !== null;) {
      const from: string = last;
      const page = await this.writer.write((manager) => forgetEmptyIn(manager, from, before));
      forgotten += page.forgotten;
      last = page.end;
    }
    return forgotten;
  }
}

/** Looks at the groups that come after `from`; `end` is the last of them, null when there are none. */
async function forgetEmptyIn(
  manager: EntityManager,
  from: string,
  before: number,
): Promise<{ end: string | null; forgotten: number }> {
  const [page] = await manager.query<{ last_id: string | null }[]>(
    `SELECT MAX(group_id) AS last_id
       FROM (SELECT group_id FROM closed_groups WHERE group_id > ? ORDER BY group_id LIMIT ${PAGE_ROWS}) AS page`,
    [from],
  );
  const end = page?.last_id ?? null;
  if (end === null) return { end, forgotten: 0 };
  const { affected } = await manager
    .createQueryBuilder()
    .delete()
    .from(ClosedGroup)
    .where('group_id > :from AND group_id <= :end AND changed_at < :before', { from, end, before })
    .andWhere('NOT EXISTS (SELECT 1 FROM closed_group_members m WHERE m.group_id = closed_groups.group_id)')
    .execute();
  return { end, forgotten: affected ?? 0 };
}
