import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { LessThan, Repository } from 'typeorm';
import { DatabaseWriter } from '../database/database-writer.js';
import { padToPowerOfTwo, placeholders } from '../database/statement-sizes.js';
import { byStorageOrder, rowsInPages, sumInPages } from '../database/table-pages.js';
import { type StoredToken } from '../sealing/sealing.js';
import { Device } from './device.entity.js';

interface Row {
  token: StoredToken;
  /** UTC epoch milliseconds. */
  registered_at: number | string;
}

interface TypedRow extends Row {
  device_type: string;
}

/** Removes devices that no app registered again for a long time. */
@Injectable()
export class DevicePruningService {
  constructor(
    @InjectRepository(Device) private readonly devices: Repository<Device>,
    private readonly writer: DatabaseWriter,
  ) {}

  /** Devices whose latest registration is before `time` (UTC epoch milliseconds), and all that there are. */
  async countUnseenSince(time: number): Promise<{ unseen: number; all: number }> {
    const { manager } = this.devices;
    const sums = { unseen: 'SUM(registered_at < ?)', stored: 'COUNT(*)' };
    const order = byStorageOrder(manager, 'token');
    const { unseen, stored } = await sumInPages(manager, 'devices', order, 'registered_at', sums, [time]);
    return { unseen, all: stored };
  }

  /** Removes them, except those that register meanwhile; returns how many went. */
  async removeUnseenSince(time: number, onPage?: (rows: number) => void): Promise<number> {
    const { manager } = this.devices;
    let removed = 0;
    const pages = rowsInPages<Row>(manager, 'devices', byStorageOrder(manager, 'token'), ['token', 'registered_at']);
    for await (const page of pages) {
      const tokens = unseenOf(page, time);
      if (tokens.length === 0) continue;
      removed += await this.removePage(tokens, time);
      onPage?.(tokens.length);
    }
    return removed;
  }

  /** Removes devices of unknown type that were not registered since `time`: no provider reaches them. Returns how many. */
  async removeUnreachableSince(time: number): Promise<number> {
    const { manager } = this.devices;
    let removed = 0;
    const columns = ['token', 'registered_at', 'device_type'] as const;
    for await (const page of rowsInPages<TypedRow>(manager, 'devices', byStorageOrder(manager, 'token'), columns)) {
      const tokens = unseenOf(
        page.filter((row) => row.device_type === 'unknown'),
        time,
      );
      if (tokens.length > 0) removed += await this.removePage(tokens, time);
    }
    return removed;
  }

  private removePage(page: readonly StoredToken[], time: number): Promise<number> {
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

function unseenOf(page: readonly Row[], time: number): StoredToken[] {
  return page.filter((row) => Number(row.registered_at) < time).map(({ token }) => token);
}
