import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RecordingLogger } from '../../test/support/recording-logger.js';
import { useSqliteDatabase } from '../../test/support/test-data-source.js';
import { parseConfig } from '../config/app-config.js';
import { dutiesOf } from '../config/duties.js';
import { MetricsService } from '../metrics/metrics.service.js';
import { type OperatorEvent, OperatorEvents } from '../operator/operator-events.js';
import { DiskRoom } from './disk-room.js';

const MIB = 1024 * 1024;

describe('the room on the disk', () => {
  const database = useSqliteDatabase();
  let events: OperatorEvent[];
  let metrics: MetricsService;
  let room: DiskRoom;
  beforeEach(async () => {
    Logger.overrideLogger(new RecordingLogger());
    events = [];
    const operator = new OperatorEvents();
    operator.on((event) => events.push(event));
    metrics = new MetricsService();
    const config = parseConfig({ DATABASE_URL: `sqlite:${String(database.dataSource.options.database)}` });
    const duties = dutiesOf({ role: 'all', redisUrl: null });
    room = new DiskRoom(config, duties, database.writer, metrics, operator);
    await room.onModuleInit();
  });
  afterEach(() => {
    database.writer.refuseGrowthWhile(() => false);
    Logger.overrideLogger(false);
  });

  const note = (freeMiB: number, totalMiB = 100_000) => room.note({ free: freeMiB * MIB, total: totalMiB * MIB });
  const grow = () => database.writer.writeGrowth((manager) => manager.query('SELECT 1'));

  it('is shown, and looked at', async () => {
    const shown = /^session_push_disk_free_bytes (\d+)$/m.exec(await metrics.registry.metrics());
    expect(Number(shown?.[1])).toBeGreaterThan(0);
    await expect(room.look()).resolves.toBeUndefined();
  });

  it('is alerted when it gets small, and once', () => {
    note(2000);
    events.length = 0;
    note(900);
    note(800);
    note(2000);
    expect(events).toEqual([{ kind: 'disk-low', freeMiB: 900, refusesGrowth: false }, { kind: 'disk-roomy' }]);
  });

  it('is measured by the size of a small disk', async () => {
    note(7, 8);
    await expect(grow()).resolves.toBeDefined();
    note(0.3, 8);
    await expect(grow()).rejects.toThrow('nearly full');
  });

  it('is kept for what is queued: nothing new is registered in the last of it, everything else is written', async () => {
    note(127);
    await expect(grow()).rejects.toThrow('The disk is nearly full: nothing new is registered');
    await expect(database.writer.write((manager) => manager.query('SELECT 1'))).resolves.toBeDefined();
    note(200);
    await expect(grow()).resolves.toBeDefined();
  });
});
