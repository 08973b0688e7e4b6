import { Column } from 'typeorm';
import { toSafeNumber } from '../database/epoch-column.js';

const countColumn = (name: string, rest: { default?: number } = {}) => ({
  name,
  type: 'bigint' as const,
  transformer: toSafeNumber,
  ...rest,
});

/** What is counted. Column names are those of the statistics API, as far as it has them. */
export abstract class StatisticsCounts {
  @Column(countColumn('ios_pn_number'))
  iosPushes: number;

  /** Those to Huawei among them, as in the statistics API. */
  @Column(countColumn('android_pn_number'))
  androidPushes: number;

  @Column(countColumn('huawei_pn_number', { default: 0 }))
  huaweiPushes: number;

  @Column(countColumn('total_message_number'))
  totalMessages: number;

  @Column(countColumn('closed_group_message_number'))
  closedGroupMessages: number;

  @Column(countColumn('untracked_message_number'))
  untrackedMessages: number;

  @Column(countColumn('deduplicated_1_1_message_number'))
  oneToOneMessages: number;
}

export const COUNTERS = [
  'iosPushes',
  'androidPushes',
  'huaweiPushes',
  'totalMessages',
  'closedGroupMessages',
  'untrackedMessages',
  'oneToOneMessages',
] as const satisfies readonly (keyof StatisticsCounts)[];
export type Counter = (typeof COUNTERS)[number];
export type Counts = Record<Counter, number>;

export const zeroCounts = (): Counts => ({
  iosPushes: 0,
  androidPushes: 0,
  huaweiPushes: 0,
  totalMessages: 0,
  closedGroupMessages: 0,
  untrackedMessages: 0,
  oneToOneMessages: 0,
});
