import { Column, Entity, PrimaryColumn } from 'typeorm';
import { epochColumn } from '../database/epoch-column.js';
import { StatisticsCounts } from './statistics-counts.js';

/** The same counts once more, by the hour and for some weeks only: for the statistics page. */
@Entity('statistics_hours')
export class StatisticsHour extends StatisticsCounts {
  @PrimaryColumn(epochColumn('start_date'))
  startDate: number;

  @Column(epochColumn('end_date'))
  endDate: number;
}
