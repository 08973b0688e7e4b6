import { Injectable, Logger } from '@nestjs/common';
import { hostname } from 'node:os';
import { describeError } from '../common/words/describe-error.js';
import { ownVersion } from '../common/start/own-version.js';
import { sharedAnswer } from '../common/bounds/shared-answer.js';
import { AppConfig } from '../config/app-config.js';
import { DevicesService } from '../devices/devices.service.js';
import { HealthService } from '../health/health.service.js';
import { withDeadline } from '../common/time/with-deadline.js';
import { type NetworkState, NetworkStatus } from '../swarms/status/network-status.js';
import { type NetworkFigures, type ServerStatus } from './dto/server-status.dto.js';
import { PushFigures } from './push-figures.js';

/** Counting looks at every device, and the page asks every few seconds. */
const KEEP_COUNTS_MS = 60_000;
const COUNT_TIMEOUT_MS = 5000;

type DeviceCounts = NonNullable<ServerStatus['devices']>;

/** The state of the server and how much it holds, for the statistics page. */
@Injectable()
export class ServerStatusService {
  private readonly logger = new Logger(ServerStatusService.name);
  private readonly startedAt = new Date().toISOString();
  private readonly version = ownVersion();
  private readonly count: () => Promise<DeviceCounts>;

  constructor(
    private readonly config: AppConfig,
    private readonly health: HealthService,
    private readonly network: NetworkStatus,
    private readonly pushes: PushFigures,
    devices: DevicesService,
  ) {
    this.count = sharedAnswer(async () => {
      const { byType, sessionIds } = await devices.count();
      return { byPlatform: byType, sessionIds, countedAt: new Date().toISOString() };
    }, KEEP_COUNTS_MS);
  }

  async look(): Promise<ServerStatus> {
    const [health, network, pushes, devices] = await Promise.all([
      this.health.report(),
      this.network.ofInstance(),
      this.pushes.read(),
      this.countOrNull(),
    ]);
    const { role, workers } = this.config;
    return {
      host: hostname(),
      time: new Date().toISOString(),
      version: this.version,
      startedAt: this.startedAt,
      instance: { role, processes: workers },
      health,
      pushes,
      network: network && figuresOf(network),
      devices,
    };
  }

  /** A database that does not answer is something to show, not a reason to show nothing. */
  private async countOrNull(): Promise<DeviceCounts | null> {
    try {
      return await withDeadline(this.count(), COUNT_TIMEOUT_MS);
    } catch (error) {
      this.logger.warn({ msg: 'the devices could not be counted', error: describeError(error) });
      return null;
    }
  }
}

function figuresOf({ monitor, reportsPerSecond, tooBig }: NetworkState): NetworkFigures {
  const { list, nodes, swarmsInUse, coverage, reports } = monitor;
  const { uncounted, ...accounts } = coverage;
  const { taken, copy, late, ...others } = reports;
  return {
    nodes: { known: list.nodes, ...nodes },
    swarms: { known: list.swarms, used: swarmsInUse, uncounted },
    accounts,
    reports: {
      perSecond: Math.round(reportsPerSecond * 10) / 10,
      taken,
      copies: copy,
      late,
      tooBig,
      others: Object.values(others).reduce((sum, count) => sum + count, 0),
    },
    list: { ageSeconds: list.ageMs === null ? null : Math.round(list.ageMs / 1000), origin: list.origin },
  };
}
