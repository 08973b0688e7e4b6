import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { type EntityManager, Repository } from 'typeorm';
import { DatabaseWriter } from '../database/database-writer.js';
import { insertIfAbsent } from '../database/dialect.js';
import { inPowersOfTwo, padToPowerOfTwo, placeholders } from '../database/statement-sizes.js';
import { type StoredId } from '../sealing/sealing.js';
import { ClosedGroupMember } from './closed-group-member.entity.js';
import { ClosedGroup } from './closed-group.entity.js';
import { type StoredMembership } from './seal-membership.js';

/** Apps cap a legacy closed group at 100 members; forks may allow more. */
export const MAX_MEMBERS_PER_GROUP = 1000;

/** Members of a full group that are looked at together, and how often, to find one who may go. */
const SAMPLE = 64;
const LOOKS_FOR_STRANGERS = 4;

/** Groups that one transaction looks at. */
const PAGE_ROWS = 512;

/** Who follows which legacy closed group. */
@Injectable()
export class ClosedGroupsService {
  constructor(
    @InjectRepository(ClosedGroup) private readonly groups: Repository<ClosedGroup>,
    private readonly writer: DatabaseWriter,
  ) {}

  /** Joining twice is fine. */
  add(manager: EntityManager, { groupId, sessionId }: StoredMembership): Promise<void> {
    return this.join(manager, sessionId, [groupId]);
  }

  /**
   * Adds an id to groups. Those that it is a member of already cost one look-up for many together. From a full group the
   * member with the least standing goes: it refuses no newcomer, and the answer tells nothing about who is in it.
   */
  async join(manager: EntityManager, sessionId: StoredId, groupIds: readonly StoredId[]): Promise<void> {
    const joined = await groupsOf(manager, sessionId, groupIds);
    for (const groupId of groupIds) {
      if (joined.has(groupId)) continue;
      if (await isFull(manager, groupId)) await removeSomebody(manager, groupId);
      await insertIfAbsent(manager, 'closed_groups', { group_id: groupId, changed_at: Date.now() });
      await insertIfAbsent(manager, 'closed_group_members', { group_id: groupId, session_id: sessionId });
    }
  }

  /** The members of these groups; ids that are no group are left out. Null: there are more than `max`. */
  async membersOf(ids: readonly StoredId[], max: number): Promise<Map<StoredId, StoredId[]> | null> {
    const found = new Map<StoredId, StoredId[]>();
    let count = 0;
    for (const piece of inPowersOfTwo(ids)) {
      const limit = max === Infinity ? [] : [max - count + 1];
      const rows = await this.groups.query<{ group_id: StoredId; session_id: StoredId | null }[]>(
        `SELECT g.group_id, m.session_id
           FROM closed_groups g LEFT JOIN closed_group_members m ON m.group_id = g.group_id
          WHERE g.group_id IN (${placeholders(piece.length)}) ${limit.map(() => 'LIMIT ?').join('')}`,
        [...piece, ...limit],
      );
      count += rows.length;
      if (count > max) return null;
      for (const { group_id: groupId, session_id: member } of rows) {
        const members = found.get(groupId) ?? [];
        if (member !== null) members.push(member);
        found.set(groupId, members);
      }
    }
    return found;
  }

  /** Up to `limit` members of a group, in the order of their ids, from the one after `from` on. */
  async membersAfter(groupId: StoredId, from: string, limit: number): Promise<StoredId[]> {
    const rows = await this.groups.query<{ session_id: StoredId }[]>(
      `SELECT session_id FROM closed_group_members
        WHERE group_id = ? AND session_id > ? ORDER BY session_id LIMIT ?`,
      [groupId, from, limit],
    );
    return rows.map(({ session_id: member }) => member);
  }

  /**
   * False: no such group. True also for an id that was no member: an app that asks again because the first answer got
   * lost must hear that it is out. For the same reason a group stays known for a while after its last member left.
   */
  leave({ groupId, sessionId }: StoredMembership): Promise<boolean> {
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

/** Those of the groups that the id is a member of. */
async function groupsOf(
  manager: EntityManager,
  sessionId: StoredId,
  groupIds: readonly StoredId[],
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const some of inPowersOfTwo(groupIds)) {
    const rows = await manager.query<{ group_id: string }[]>(
      `SELECT group_id FROM closed_group_members WHERE group_id IN (${placeholders(some.length)}) AND session_id = ?`,
      [...some, sessionId],
    );
    for (const { group_id: groupId } of rows) found.add(groupId);
  }
  return found;
}

async function isFull(manager: EntityManager, groupId: string): Promise<boolean> {
  const rows = await manager.query<unknown[]>(
    `SELECT 1 FROM closed_group_members WHERE group_id = ? LIMIT 1 OFFSET ${MAX_MEMBERS_PER_GROUP - 1}`,
    [groupId],
  );
  return rows.length > 0;
}

/**
 * A member that no provider ever reached, as made-up ones are, found by chance: in a fixed order the real ones would be
 * driven out one after the other. When some looks find none, any.
 */
async function removeSomebody(manager: EntityManager, groupId: string): Promise<void> {
  let chosen: string | undefined;
  for (let look = 0; look < LOOKS_FOR_STRANGERS; look++) {
    const sample = await membersByChance(manager, groupId);
    chosen ??= anyOf(sample);
    const reached = await reachedAmong(manager, sample);
    const stranger = anyOf(sample.filter((member) => !reached.has(member)));
    if (stranger !== undefined) {
      chosen = stranger;
      break;
    }
  }
  await manager.query('DELETE FROM closed_group_members WHERE group_id = ? AND session_id = ?', [
    groupId,
    chosen ?? '',
  ]);
}

async function membersByChance(manager: EntityManager, groupId: string): Promise<string[]> {
  const from = Math.floor(Math.random() * (MAX_MEMBERS_PER_GROUP - SAMPLE + 1));
  const rows = await manager.query<{ session_id: string }[]>(
    'SELECT session_id FROM closed_group_members WHERE group_id = ? ORDER BY session_id LIMIT ? OFFSET ?',
    [groupId, SAMPLE, from],
  );
  return rows.map(({ session_id: member }) => member);
}

async function reachedAmong(manager: EntityManager, members: readonly string[]): Promise<ReadonlySet<string>> {
  const asked = padToPowerOfTwo(members);
  if (asked.length === 0) return new Set();
  const rows = await manager.query<{ session_id: string }[]>(
    `SELECT DISTINCT session_id FROM devices
      WHERE session_id IN (${placeholders(asked.length)}) AND accepted_at IS NOT NULL`,
    asked,
  );
  return new Set(rows.map(({ session_id: member }) => member));
}

const anyOf = <T>(list: readonly T[]): T | undefined => list[Math.floor(Math.random() * list.length)];
