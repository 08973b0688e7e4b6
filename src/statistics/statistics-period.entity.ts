import { Column, Entity, PrimaryColumn } from 'typeorm';
import { epochColumn, toSafeNumber } from '../database/epoch-column.js';

const countColumn = (name: string) => ({ name, type: 'bigint' as const, transformer: toSafeNumber });

/** What was counted in one period. Column names are those of the statistics API. */
@Entity('statistics')
export class StatisticsPeriod {
  @PrimaryColumn(epochColumn('start_date'))
  startDate: number;

  @Column(epochColumn('end_date'))
  endDate: number;

  @Column(countColumn('ios_pn_number'))
  iosPushes: number;

  @Column(countColumn('android_pn_number'))
  androidPushes: number;

  @Column(countColumn('total_message_number'))
  totalMessages: number;

  @Column(countColumn('closed_group_message_number'))
  closedGroupMessages: number;

  @Column(countColumn('untracked_message_number'))
  untrackedMessages: number;

  @Column(countColumn('deduplicated_1_1_message_number'))
  oneToOneMessages: number;
}
