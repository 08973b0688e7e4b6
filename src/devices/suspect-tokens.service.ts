import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { MoreThan, Repository } from 'typeorm';
import { DatabaseWriter } from '../database/database-writer.js';
import { type StoredToken } from '../sealing/sealing.js';
import { Device } from './device.entity.js';
import { SuspectToken } from './suspect-token.entity.js';

export interface Suspicion {
  token: StoredToken;
  provider: string;
  reason: string;
  /** Registration time that the dead answer was about. */
  registeredAt: number;
}

/** Tokens that were called dead while too many were: kept, pushed to, and remembered for the operator. */
@Injectable()
export class SuspectTokensService {
  constructor(
    @InjectRepository(SuspectToken) private readonly suspects: Repository<SuspectToken>,
    private readonly writer: DatabaseWriter,
  ) {}

  async remember(suspicions: readonly Suspicion[], suspectedAt: number): Promise<void> {
    await this.writer.write(async (manager) => {
      for (const { token, provider, reason, registeredAt } of suspicions) {
        const suspicion = { token, provider, reason, registeredAt, suspectedAt };
        await manager.upsert(SuspectToken, suspicion, ['token']);
      }
    });
  }

  /** How many of the provider's were suspected, or suspected again, after that time (UTC epoch milliseconds). */
  countSince(provider: string, time: number): Promise<number> {
    return this.suspects.countBy({ provider, suspectedAt: MoreThan(time) });
  }

  /** Counts suspects per provider and reason; no caller gets the tokens. */
  async summary(): Promise<{ provider: string; reason: string; count: number }[]> {
    const rows = await this.suspects
      .createQueryBuilder('suspect')
      .select('suspect.provider', 'provider')
      .addSelect('suspect.reason', 'reason')
      .addSelect('COUNT(*)', 'count')
      .groupBy('suspect.provider')
      .addGroupBy('suspect.reason')
      .getRawMany<{ provider: string; reason: string; count: number | string }>();
    return rows.map((row) => ({ ...row, count: Number(row.count) }));
  }

  /** Ends the suspicion; the tokens stay. Returns how many. */
  release(provider?: string): Promise<number> {
    return this.writer.write(async (manager) => {
      const result =
        provider === undefined ? manager.deleteAll(SuspectToken) : manager.delete(SuspectToken, { provider });
      return (await result).affected ?? 0;
    });
  }

  /** Removes the suspects' tokens that were not registered again since. Returns how many devices went. */
  discard(provider?: string): Promise<number> {
    return this.writer.write(async (manager) => {
      const suspects = await manager.findBy(SuspectToken, provider === undefined ? {} : { provider });
      let removed = 0;
      for (const { token, registeredAt } of suspects) {
        removed += (await manager.delete(Device, { token, registeredAt })).affected ?? 0;
        await manager.delete(SuspectToken, { token });
      }
      return removed;
    });
  }
}
