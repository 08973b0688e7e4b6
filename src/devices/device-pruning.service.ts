import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { LessThan, MoreThan, Repository } from 'typeorm';
import { DatabaseWriter } from '../database/database-writer.js';
import { padToPowerOfTwo, placeholders } from '../database/statement-sizes.js';
import { Device } from './device.entity.js';

/** Short reads and transactions, so that a server on the same database hardly waits. */
const PAGE_ROWS = 512;

/** Removes devices that no app registered again for a long time. */
@Injectable()
export class DevicePruningService {
  constructor(
    @InjectRepository(Device) private readonly devices: Repository<Device>,
    private readonly writer: DatabaseWriter,
  ) {}

  /** Devices whose latest registration is before `time` (UTC epoch milliseconds), and all that there are. */
  async countUnseenSince(time: number): Promise<{ unseen: number; all: number }> {
    const counts = { unseen: 0, all: 0 };
    for await (const page of this.pages()) {
      counts.all += page.length;
      counts.unseen += unseenOf(page, time).length;
    }
    return counts;
  }

  /** Removes them, except those that register meanwhile; returns how many went. */
  async removeUnseenSince(time: number, onPage?: (rows: number) => void): Promise<number> {
    let removed = 0;
    for await (const page of this.pages()) {
      const tokens = unseenOf(page, time);
      if (tokens.length === 0) continue;
      removed += await this.removePage(tokens, time);
      onPage?.(tokens.length);
    }
    return removed;
  }

  /** All devices in the order of their tokens. */
  private async *pages(): AsyncGenerator<Device[]> {
    let last = '';
    for (;;) {
      const page = await this.devices.find({
        select: { token: true, registeredAt: true },
        where: { token: MoreThan(last) },
        order: { token: 'ASC' },
        take: PAGE_ROWS,
      });
      const end = page.at(-1);
      if (!end) return;
      yield page;
      last = end.token;
    }
  }

  private removePage(page: readonly string[], time: number): Promise<number> {
    const tokens = padToPowerOfTwo(page);
    const list = placeholders(tokens.length);
    return this.writer.write(async (manager) => {
      const removed = await manager
        .createQueryBuilder()
        .delete()
        .from(Device)
        .where({ registeredAt: LessThan(time) })
        .andWhere('token IN (:...tokens)', { tokens })
        .execute();
      // A suspicion is about a registration; one of these tokens that stays has a newer registration.
      await manager.query(`DELETE FROM suspect_tokens WHERE token IN (${list})`, tokens);
      return removed.affected ?? 0;
    });
  }
}

function unseenOf(page: readonly Device[], time: number): string[] {
  return page.filter(({ registeredAt }) => registeredAt < time).map(({ token }) => token);
}
