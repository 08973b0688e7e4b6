import { Inject, Injectable, Logger } from '@nestjs/common';
import { describeError } from '../common/describe-error.js';
import { ownVersion } from '../common/own-version.js';
import { sharedAnswer } from '../common/shared-answer.js';
import { type AppConfig } from '../config/app-config.js';
import { APP_CONFIG } from '../config/config.module.js';
import { DevicesService } from '../devices/devices.service.js';
import { HealthService } from '../health/health.service.js';
import { within } from '../health/within.js';
import { type ServerStatus } from './dto/server-status.dto.js';

/** Counting looks at every device, and the page asks every few seconds. */
const KEEP_COUNTS_MS = 60_000;
const COUNT_TIMEOUT_MS = 5000;

type DeviceCounts = NonNullable<ServerStatus['devices']>;

/** How the server is and how much it holds, for whoever looks at it. */
@Injectable()
export class ServerStatusService {
  private readonly logger = new Logger(ServerStatusService.name);
  private readonly startedAt = new Date().toISOString();
  private readonly version = ownVersion();
  private readonly count: () => Promise<DeviceCounts>;

  constructor(
    @Inject(APP_CONFIG) private readonly config: AppConfig,
    private readonly health: HealthService,
    devices: DevicesService,
  ) {
    this.count = sharedAnswer(async () => {
      const { byType, sessionIds } = await devices.count();
      return { byPlatform: byType, sessionIds, countedAt: new Date().toISOString() };
    }, KEEP_COUNTS_MS);
  }

  async look(): Promise<ServerStatus> {
    const [health, devices] = await Promise.all([this.health.report(), this.countOrNull()]);
    const { role, workers } = this.config;
    return {
      time: new Date().toISOString(),
      version: this.version,
      startedAt: this.startedAt,
      instance: { role, processes: workers },
      health,
      devices,
    };
  }

  /** A database that does not answer is something to show, not a reason to show nothing. */
  private async countOrNull(): Promise<DeviceCounts | null> {
    try {
      return await within(COUNT_TIMEOUT_MS, this.count());
    } catch (error) {
      this.logger.warn({ msg: 'the devices could not be counted', error: describeError(error) });
      return null;
    }
  }
}
