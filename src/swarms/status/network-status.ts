import { Injectable } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { InstanceProcesses } from '../../cluster/instance-processes.js';
import { RecentRate } from '../../common/bounds/recent-rate.js';
import { AppConfig } from '../../config/app-config.js';
import { Duties } from '../../config/duties.js';
import { MetricsService } from '../../metrics/metrics.service.js';
import { networkProblems, type NetworkProblem } from './network-judgement.js';
import { SwarmKeyClaim } from '../lines/swarm-key-claim.js';
import { type MonitorStatus, SwarmMonitor } from '../watch/swarm-monitor.service.js';

/** How an instance watches the network; JSON, for it may come from another process. */
export interface NetworkState {
  readonly monitor: MonitorStatus;
  /** Another instance uses the same key, and this one does not watch. */
  readonly keyIsElsewhere: boolean;
  readonly problems: readonly NetworkProblem[];
  /** Reports of all nodes, copies included, over the last minute. */
  readonly reportsPerSecond: number;
  /** Messages that were too big for a push and went out as metadata alone. */
  readonly tooBig: number;
}

const TOPIC = 'network';
const SAMPLE_MS = 5000;

/** How the storage network is watched, for the operator. */
@Injectable()
export class NetworkStatus {
  /** This process watches, or is to. */
  readonly isHere: boolean;
  /** A process of this instance does. */
  readonly isOn: boolean;
  private readonly rate = new RecentRate(60_000);

  constructor(
    { network, role }: AppConfig,
    { watches }: Duties,
    private readonly monitor: SwarmMonitor,
    private readonly swarmKey: SwarmKeyClaim,
    private readonly metrics: MetricsService,
    private readonly processes: InstanceProcesses,
  ) {
    this.isOn = network !== null && (role === 'all' || role === 'monitor');
    this.isHere = network !== null && watches;
    processes.answer(TOPIC, () => this.here());
  }

  @Interval(SAMPLE_MS)
  sample(): void {
    if (this.isHere) this.rate.note(reportsIn(this.monitor.status()), performance.now());
  }

  /** What this process knows; null = another one watches. */
  here(): NetworkState | null {
    if (!this.isHere) return null;
    const monitor = this.monitor.status();
    const { isElsewhere: keyIsElsewhere } = this.swarmKey;
    return {
      monitor,
      keyIsElsewhere,
      problems: networkProblems(monitor, keyIsElsewhere),
      reportsPerSecond: this.rate.perSecond(reportsIn(monitor), performance.now()),
      tooBig: this.metrics.sealedTooBig,
    };
  }

  /** Asks the other processes too; null = none of them watches now. */
  async ofInstance(): Promise<NetworkState | null> {
    const answers = await this.processes.ask<NetworkState | null>(TOPIC);
    return answers.find((state) => state !== null) ?? null;
  }
}

const reportsIn = ({ reports }: MonitorStatus): number => Object.values(reports).reduce((sum, count) => sum + count, 0);
