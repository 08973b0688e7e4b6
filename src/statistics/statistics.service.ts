import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import {
  And,
  type EntityManager,
  type FindOptionsWhere,
  LessThan,
  LessThanOrEqual,
  MoreThanOrEqual,
  type Repository,
} from 'typeorm';
import { DAY_MS } from '../config/durations.js';
import { DatabaseWriter } from '../database/database-writer.js';
import { byTheHour, type CountedTime } from './by-the-hour.js';
import { type Counter, COUNTERS, type Counts, zeroCounts } from './statistics-counts.js';
import { StatisticsHour } from './statistics-hour.entity.js';
import { StatisticsPeriod } from './statistics-period.entity.js';

/** A month of the page, and a little more. */
const KEEP_HOURS_MS = 32 * DAY_MS;

/** UTC epoch milliseconds. */
type WrittenHour = Pick<StatisticsHour, 'startDate' | 'endDate'>;

/** Counts traffic, never people: in memory between two writes, then added to the rows of the period and of the hour. */
@Injectable()
export class StatisticsService {
  private counts = zeroCounts();

  constructor(
    @InjectRepository(StatisticsPeriod) private readonly periods: Repository<StatisticsPeriod>,
    private readonly writer: DatabaseWriter,
  ) {}

  count(counter: Counter, by = 1): void {
    this.counts[counter] += by;
  }

  /** Whether something was counted that is not written yet. */
  get isPending(): boolean {
    return COUNTERS.some((counter) => this.counts[counter] > 0);
  }

  /**
   * Adds what was counted since the last call to the row of the period that begins at `startDate`, and to that of the
   * hour when it has several. Adding, not replacing, lets several processes share a row. Should the write fail, the counts
   * stay for the next one.
   */
  async flush(startDate: number, endDate: number, hour: WrittenHour | null = null): Promise<void> {
    const counts = this.counts;
    this.counts = zeroCounts();
    try {
      await this.writer.write(async (manager) => {
        await add(manager, StatisticsPeriod, startDate, endDate, counts);
        if (!hour) return;
        await add(manager, StatisticsHour, hour.startDate, hour.endDate, counts);
        await manager.delete(StatisticsHour, { startDate: LessThan(hour.startDate - KEEP_HOURS_MS) });
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
    return this.periods.find({ where: begun(from, to), order: { startDate: 'ASC' } });
  }

  /**
   * As {@link findBegun}, by the hour where hours were counted: a period without them stands for itself, and what a
   * period has beyond its hours stands before the first of them.
   */
  async findHoursBegun(from?: number, to?: number): Promise<CountedTime[]> {
    // Up to now, whatever the range: which hours a period has, the one after it tells.
    const [periods, hours] = await Promise.all([
      this.findBegun(from),
      this.periods.manager.find(StatisticsHour, { where: begun(from), order: { startDate: 'ASC' } }),
    ]);
    return byTheHour(periods, hours).filter(({ startDate }) => to === undefined || startDate < to);
  }
}

async function add(
  manager: EntityManager,
  rows: typeof StatisticsPeriod | typeof StatisticsHour,
  startDate: number,
  endDate: number,
  counts: Counts,
): Promise<void> {
  const row = { startDate, endDate, ...zeroCounts() };
  await manager.createQueryBuilder().insert().into(rows).values(row).orIgnore().execute();
  for (const counter of COUNTERS) {
    if (counts[counter] > 0) await manager.increment(rows, { startDate }, counter, counts[counter]);
  }
  await manager.update(rows, { startDate }, { endDate });
}

function begun(from?: number, to?: number): FindOptionsWhere<StatisticsPeriod> {
  const bounds = [...(from === undefined ? [] : [MoreThanOrEqual(from)]), ...(to === undefined ? [] : [LessThan(to)])];
  return bounds.length === 0 ? {} : { startDate: And(...bounds) };
}
