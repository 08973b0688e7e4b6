import { Column, Entity, PrimaryColumn } from 'typeorm';
import { epochColumn } from '../database/epoch-column.js';
import { StatisticsCounts } from './statistics-counts.js';

/** What was counted in one period; the statistics API gives it as it is here. */
@Entity('statistics')
export class StatisticsPeriod extends StatisticsCounts {
  @PrimaryColumn(epochColumn('start_date'))
  startDate: number;

  @Column(epochColumn('end_date'))
  endDate: number;
}
