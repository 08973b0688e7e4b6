import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { LessThan, MoreThan, Repository } from 'typeorm';
import { DatabaseWriter } from '../database/database-writer.js';
import { padToPowerOfTwo, placeholders } from '../database/statement-sizes.js';
import { Device } from '../devices/device.entity.js';

/** Short transactions, so that a server on the same database hardly waits. */
const PAGE_ROWS = 512;

/** Removes devices that no app registered again for a long time. */
@Injectable()
export class DevicePruningService {
  constructor(
    @InjectRepository(Device) private readonly devices: Repository<Device>,
    private readonly writer: DatabaseWriter,
  ) {}

  /** Devices whose latest registration is before `time` (UTC epoch milliseconds). */
  countUnseenSince(time: number): Promise<number> {
    return this.devices.countBy({ registeredAt: LessThan(time) });
  }

  /** Removes them, except those that register meanwhile; returns how many went. */
  async removeUnseenSince(time: number, onPage: (rows: number) => void): Promise<number> {
    let removed = 0;
    let last = '';
    for (;;) {
      const page = await this.devices.find({
        select: { token: true },
        where: { token: MoreThan(last), registeredAt: LessThan(time) },
        order: { token: 'ASC' },
        take: PAGE_ROWS,
      });
      const end = page.at(-1);
      if (!end) return removed;
      removed += await this.removePage(
        page.map(({ token }) => token),
        time,
      );
      last = end.token;
      onPage(page.length);
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
