import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { And, type FindOptionsWhere, LessThan, LessThanOrEqual, MoreThanOrEqual, Repository } from 'typeorm';
import { DatabaseWriter } from '../database/database-writer.js';
import { StatisticsPeriod } from './statistics-period.entity.js';

export const COUNTERS = [
  'iosPushes',
  'androidPushes',
  'totalMessages',
  'closedGroupMessages',
  'untrackedMessages',
  'oneToOneMessages',
] as const;
export type Counter = (typeof COUNTERS)[number];
type Counts = Record<Counter, number>;

const zero = (): Counts => ({
  iosPushes: 0,
  androidPushes: 0,
  totalMessages: 0,
  closedGroupMessages: 0,
  untrackedMessages: 0,
  oneToOneMessages: 0,
});

/** Counts traffic, never people: in memory between two writes, then added to the period's row. */
@Injectable()
export class StatisticsService {
  private counts = zero();

  constructor(
    @InjectRepository(StatisticsPeriod) private readonly periods: Repository<StatisticsPeriod>,
    private readonly writer: DatabaseWriter,
  ) {}

  count(counter: Counter, by = 1): void {
    this.counts[counter] += by;
  }

  /**
   * Adds what was counted since the last call to the row of the period that begins at `startDate`. Adding, not
   * replacing, lets several processes share a row. Should the write fail, the counts stay for the next one.
   */
  async flush(startDate: number, endDate: number): Promise<void> {
    const counts = this.counts;
    this.counts = zero();
    try {
      await this.writer.write(async (manager) => {
        const row = { startDate, endDate, ...zero() };
        await manager.createQueryBuilder().insert().into(StatisticsPeriod).values(row).orIgnore().execute();
        for (const counter of COUNTERS) {
          if (counts[counter] > 0) await manager.increment(StatisticsPeriod, { startDate }, counter, counts[counter]);
        }
        await manager.update(StatisticsPeriod, { startDate }, { endDate });
      });
    } catch (error) {
      for (const counter of COUNTERS) this.counts[counter] += counts[counter];
      throw error;
    }
  }

  /** Periods that begin at or after `from` and end at or before `to` (UTC epoch milliseconds), oldest first. */
  find(from?: number, to?: number): Promise<StatisticsPeriod[]> {
    const where: FindOptionsWhere<StatisticsPeriod> = {};
    if (from !== undefined) where.startDate = MoreThanOrEqual(from);
    if (to !== undefined) where.endDate = LessThanOrEqual(to);
    return this.periods.find({ where, order: { startDate: 'ASC' } });
  }

  /**
   * Periods that begin at or after `from` and before `to` (UTC epoch milliseconds), oldest first: ranges that follow each
   * other share none and lose none.
   */
  findBegun(from?: number, to?: number): Promise<StatisticsPeriod[]> {
    const bounds = [
      ...(from === undefined ? [] : [MoreThanOrEqual(from)]),
      ...(to === undefined ? [] : [LessThan(to)]),
    ];
    const where = bounds.length === 0 ? {} : { startDate: And(...bounds) };
    return this.periods.find({ where, order: { startDate: 'ASC' } });
  }
}
