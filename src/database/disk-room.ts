import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describeError } from '../common/words/describe-error.js';
import { AppConfig } from '../config/app-config.js';
import { Duties } from '../config/duties.js';
import { MetricsService } from '../metrics/metrics.service.js';
import { OperatorEvents } from '../operator/operator-events.js';
import { DatabaseWriter } from './database-writer.js';

const LOOK_INTERVAL_MS = 15_000;

const MIB = 1024 * 1024;
/** Worth an alert; on a small disk a share of it. */
const LOW = { bytes: 1024 * MIB, share: 0.1 };
/** Below this, new registrations are refused, so that there is room for the queue. */
const RESERVE = { bytes: 128 * MIB, share: 0.05 };

/** In bytes. */
interface Room {
  readonly free: number;
  readonly total: number;
}

/**
 * Watches the room on the disk of the SQLite file, the one bound on how much can be stored. Before the disk is full, which
 * would end deliveries too, the registry stops growing; what is registered is found, removed and woken as before.
 */
@Injectable()
export class DiskRoom implements OnModuleInit {
  private readonly logger = new Logger(DiskRoom.name);
  private readonly folder: string | null;
  private state: 'enough' | 'low' | 'reserve' = 'enough';

  constructor(
    { database }: AppConfig,
    private readonly duties: Duties,
    private readonly writer: DatabaseWriter,
    private readonly metrics: MetricsService,
    private readonly events: OperatorEvents,
  ) {
    this.folder = database.kind === 'sqlite' ? dirname(database.path) : null;
  }

  async onModuleInit(): Promise<void> {
    const { folder } = this;
    const gauge = { name: 'session_push_disk_free_bytes', help: "Room on the disk of SQLite's file" };
    this.metrics.gauge({ ...gauge, labelNames: [], combine: 'min' }, async () =>
      folder === null ? [] : [{ labels: {}, value: (await roomIn(folder)).free }],
    );
    if (folder === null) return;
    this.writer.refuseGrowthWhile(() => this.state === 'reserve');
    await this.look();
  }

  @Interval(LOOK_INTERVAL_MS)
  async look(): Promise<void> {
    if (this.folder === null) return;
    try {
      this.note(await roomIn(this.folder));
    } catch (error) {
      this.logger.warn({ msg: 'the room on the disk cannot be told', error: describeError(error) });
    }
  }

  note({ free, total }: Room): void {
    const isBelow = ({ bytes, share }: typeof LOW): boolean => free < Math.min(bytes, total * share);
    const before = this.state;
    this.state = isBelow(RESERVE) ? 'reserve' : isBelow(LOW) ? 'low' : 'enough';
    if (this.state === before || !this.duties.leads) return;
    const freeMiB = Math.floor(free / MIB);
    if (this.state === 'enough') {
      this.logger.log({ msg: 'there is room on the disk again', freeMiB });
      this.events.emit({ kind: 'disk-roomy' });
    } else {
      const refusesGrowth = this.state === 'reserve';
      this.logger.error({ msg: 'the disk is nearly full', freeMiB, refusesGrowth });
      this.events.emit({ kind: 'disk-low', freeMiB, refusesGrowth });
    }
  }
}

async function roomIn(folder: string): Promise<Room> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return { free: bavail * bsize, total: blocks * bsize };
}
