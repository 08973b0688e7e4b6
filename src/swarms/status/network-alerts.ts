import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { Hysteresis } from '../../common/bounds/hysteresis.js';
import { MINUTE_MS } from '../../config/durations.js';
import { OperatorEvents } from '../../operator/operator-events.js';
import { NETWORK_BOUNDS, percentOf, watchedShare } from './network-judgement.js';
import { type NetworkState, NetworkStatus } from './network-status.js';
import { SwarmMonitor } from '../watch/swarm-monitor.service.js';

const LOOK_MS = 2000;

/** Longer or shorter in tests. */
export abstract class NetworkAlertsTuning {
  abstract readonly badAfterMs: { readonly coverage: number; readonly list: number; readonly sources: number };
  abstract readonly goodAfterMs: number;
}

export const DEFAULT_NETWORK_ALERTS_TUNING: NetworkAlertsTuning = {
  // A restart of ours, or of many nodes, is over by then; an old list was old for half an hour already.
  badAfterMs: { coverage: 5 * MINUTE_MS, list: 0, sources: 5 * MINUTE_MS },
  goodAfterMs: 2 * MINUTE_MS,
};

/** Notices when people are not watched, or may soon not be, and when they are again. */
@Injectable()
export class NetworkAlerts implements OnModuleInit {
  private readonly logger = new Logger(NetworkAlerts.name);
  private readonly coverage: Hysteresis;
  private readonly list: Hysteresis;
  private readonly sources: Hysteresis;
  private isComplete = false;

  constructor(
    private readonly status: NetworkStatus,
    private readonly monitor: SwarmMonitor,
    private readonly events: OperatorEvents,
    { badAfterMs, goodAfterMs }: NetworkAlertsTuning,
  ) {
    this.coverage = new Hysteresis(badAfterMs.coverage, goodAfterMs);
    this.list = new Hysteresis(badAfterMs.list, goodAfterMs);
    this.sources = new Hysteresis(badAfterMs.sources, goodAfterMs);
  }

  onModuleInit(): void {
    this.monitor.onSetAside(({ node, reason, minutes }) =>
      this.events.emit({ kind: 'node-set-aside', node, reason, minutes }),
    );
  }

  @Interval(LOOK_MS)
  look(): void {
    const state = this.status.here();
    if (!state) return;
    const now = performance.now();
    this.lookAtCoverage(state, now);
    this.lookAtList(state, now);
    this.lookAtSources(state, now);
  }

  private lookAtCoverage({ monitor, problems, keyIsElsewhere }: NetworkState, now: number): void {
    const share = watchedShare(monitor);
    const isLow = share !== null && share < NETWORK_BOUNDS.watchedShare;
    const percent = percentOf(share ?? 1);
    switch (this.coverage.note(isLow, now)) {
      case 'bad':
        this.logger.warn({ msg: 'accounts are not watched', percentWatched: percent });
        this.events.emit({ kind: 'coverage-low', percent });
        break;
      case 'good':
        this.logger.log('accounts are watched again');
        this.events.emit({ kind: 'coverage-restored', percent });
        break;
      case null:
    }
    const isComplete = !keyIsElsewhere && !isLow && !problems.some(({ status }) => status === 'error');
    // Each new swarm makes the coverage incomplete for a moment, which is no reason for an alert.
    if (isComplete && !this.isComplete) {
      const { full, partial } = monitor.coverage;
      this.logger.log({ msg: 'the network is watched', accounts: full + partial, nodes: monitor.nodes.connected });
    }
    this.isComplete = !keyIsElsewhere && (this.isComplete || isComplete);
  }

  private lookAtList({ monitor: { list } }: NetworkState, now: number): void {
    const ageMs = list.ageMs ?? 0;
    switch (this.list.note(ageMs > NETWORK_BOUNDS.listAgeMs, now)) {
      case 'bad':
        this.logger.warn({ msg: 'the list of service nodes is old', ageMinutes: Math.round(ageMs / MINUTE_MS) });
        this.events.emit({ kind: 'node-list-old', ageMs });
        break;
      case 'good':
        this.events.emit({ kind: 'node-list-fresh' });
        break;
      case null:
    }
  }

  private lookAtSources({ monitor: { list } }: NetworkState, now: number): void {
    switch (this.sources.note(list.failedRounds > 0, now)) {
      case 'bad':
        this.logger.warn({ msg: 'all sources of the node list fail', failures: list.failures });
        this.events.emit({ kind: 'node-sources-fail', failures: list.failures });
        break;
      case 'good':
        this.events.emit({ kind: 'node-sources-answer' });
        break;
      case null:
    }
  }
}
