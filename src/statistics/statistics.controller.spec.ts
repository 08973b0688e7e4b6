import { DAY_MS } from '../config/durations.js';
import { BadRequestException } from '@nestjs/common';
import { beforeEach, describe, expect, it } from 'vitest';
import { Device, type DeviceType } from '../devices/device.entity.js';
import { DevicesService } from '../devices/devices.service.js';
import { NoSealing } from '../sealing/sealing.js';
import { useSqliteDatabase } from '../../test/support/test-data-source.js';
import { storedId, storedToken } from '../../test/support/stored.js';
import { formatLocalTime } from './local-time.js';
import { StatisticsPeriod } from './statistics-period.entity.js';
import { StatisticsController } from './statistics.controller.js';
import { StatisticsService } from './statistics.service.js';

const MONDAY = new Date(2026, 10, 16).getTime();
describe('StatisticsController', () => {
  const database = useSqliteDatabase();
  let statistics: StatisticsService;
  let devices: DevicesService;
  let controller: StatisticsController;

  beforeEach(() => {
    const { dataSource, writer } = database;
    statistics = new StatisticsService(dataSource.getRepository(StatisticsPeriod), writer);
    devices = new DevicesService(dataSource.getRepository(Device), writer, new NoSealing());
    controller = new StatisticsController(statistics, devices);
  });

  const ask = (query?: unknown) =>
    controller.getStatisticsData(query === undefined ? undefined : Buffer.from(JSON.stringify(query)));
  const rows = async (query?: unknown) => (await ask(query)).data.data;
  const starts = async (query?: unknown) => (await rows(query)).map(({ start_date }) => start_date.slice(0, 10));
  const fillThreeDays = async () => {
    for (const start of [MONDAY, MONDAY + DAY_MS, MONDAY + 2 * DAY_MS]) await statistics.flush(start, start + DAY_MS);
  };

  it('answers with nothing counted in an empty database', async () => {
    expect(await ask()).toEqual({
      code: 0,
      data: { android_device_number: 0, data: [], ios_device_number: 0, total_session_id_number: 0 },
    });
  });

  it('counts Huawei phones as Android and unknown devices not at all', async () => {
    const types: DeviceType[] = ['ios', 'android', 'huawei', 'unknown'];
    await database.writer.write(async (manager) => {
      for (const deviceType of types)
        await devices.save(manager, { token: storedToken(deviceType), sessionId: storedId('05a'), deviceType }, false);
    });
    expect((await ask()).data).toMatchObject({
      ios_device_number: 1,
      android_device_number: 2,
      total_session_id_number: 1,
    });
  });

  it('gives one row per period with the names of the original', async () => {
    statistics.count('iosPushes', 1);
    statistics.count('androidPushes', 2);
    statistics.count('totalMessages', 3);
    statistics.count('closedGroupMessages', 4);
    statistics.count('untrackedMessages', 5);
    statistics.count('oneToOneMessages', 6);
    await statistics.flush(MONDAY, MONDAY + DAY_MS);
    expect(await rows({})).toEqual([
      {
        start_date: formatLocalTime(MONDAY),
        end_date: formatLocalTime(MONDAY + DAY_MS),
        ios_pn_number: 1,
        android_pn_number: 2,
        total_message_number: 3,
        closed_group_message_number: 4,
        untracked_message_number: 5,
        deduplicated_1_1_message_number: 6,
      },
    ]);
  });

  it('leaves out the columns that are not wanted', async () => {
    await statistics.flush(MONDAY, MONDAY + DAY_MS);
    const [row] = await rows({ ios_pn_number: false, android_pn_number: 0, total_message_number: 1 });
    expect(Object.keys(row ?? {})).toEqual([
      'start_date',
      'end_date',
      'total_message_number',
      'closed_group_message_number',
      'untracked_message_number',
      'deduplicated_1_1_message_number',
    ]);
  });

  it('filters by either date and by both', async () => {
    await fillThreeDays();
    expect(await starts({ start_date: '2026-11-17' })).toEqual(['2026-11-17', '2026-11-18']);
    expect(await starts({ end_date: '2026-11-17 00:00:00' })).toEqual(['2026-11-16']);
    expect(await starts({ start_date: '2026-11-17', end_date: '2026-11-18' })).toEqual(['2026-11-17']);
  });

  it('takes an empty body for no filter', async () => {
    await fillThreeDays();
    expect((await controller.getStatisticsData(Buffer.alloc(0))).data.data).toHaveLength(3);
  });

  it('refuses what is no JSON', async () => {
    await expect(controller.getStatisticsData(Buffer.from('{'))).rejects.toThrow(BadRequestException);
  });

  it('names the field that is wrong', async () => {
    const refused: unknown = await ask({ end_date: 'soon' }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(BadRequestException);
    expect((refused as BadRequestException).getResponse()).toMatchObject({
      message: ['end_date must be YYYY-MM-DD or YYYY-MM-DD HH:MM:SS'],
    });
  });
});
