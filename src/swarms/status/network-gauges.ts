import { Injectable, type OnModuleInit } from '@nestjs/common';
import { type GaugeSample, MetricsService } from '../../metrics/metrics.service.js';
import { NetworkStatus } from './network-status.js';
import { type MonitorStatus } from '../watch/swarm-monitor.service.js';

interface Shown {
  readonly name: string;
  readonly help: string;
  readonly label: string | null;
  /** null = it is not known. */
  readonly read: (status: MonitorStatus) => Readonly<Record<string, number>> | number | null;
}

const GAUGES: readonly Shown[] = [
  {
    name: 'session_push_network_nodes',
    help: 'Storage nodes: known, wanted because their swarm has accounts, connected, failing and tried again, aside for misbehaving',
    label: 'state',
    read: ({ list, nodes }) => ({ known: list.nodes, ...nodes }),
  },
  {
    name: 'session_push_network_swarms',
    help: 'Swarms: known, in use because they have accounts, and those of them whose accounts were not counted yet',
    label: 'state',
    read: ({ list, swarmsInUse, coverage }) => ({
      known: list.swarms,
      used: swarmsInUse,
      uncounted: coverage.uncounted,
    }),
  },
  {
    name: 'session_push_watched_accounts',
    help: 'Accounts, however many phones they have, by how many nodes of their swarm watch at least one signature of theirs: all, some, none',
    label: 'coverage',
    read: ({ coverage: { full, partial, none } }) => ({ full, partial, none }),
  },
  {
    name: 'session_push_node_list_age_seconds',
    help: 'Time since a source last confirmed the list of storage nodes',
    label: null,
    read: ({ list: { ageMs } }) => (ageMs === null ? null : ageMs / 1000),
  },
  {
    name: 'session_push_node_list_failed_rounds',
    help: 'How often all sources of the list were asked since one of them gave it; 0 = one did',
    label: null,
    read: ({ list }) => list.failedRounds,
  },
];

const COUNTERS: readonly Shown[] = [
  {
    name: 'session_push_reports_total',
    help: 'Messages that nodes reported, and what became of them',
    label: 'outcome',
    read: ({ reports }) => reports,
  },
  {
    name: 'session_push_watch_answers_total',
    help: 'What nodes said about what phones have signed to have their accounts watched, one for each signature and node',
    label: 'result',
    read: ({ results }) => results,
  },
  {
    name: 'session_push_node_connections_ended_total',
    help: 'Connections to nodes that ended or did not come about, by why',
    label: 'reason',
    read: ({ endedConnections }) => endedConnections,
  },
  {
    name: 'session_push_node_messages_above_share_total',
    help: 'What nodes sent above their share; they were read slowly, and are named in the log',
    label: null,
    read: ({ aboveShare }) => aboveShare,
  },
  {
    name: 'session_push_nodes_set_aside_total',
    help: 'Nodes that were left alone for an hour because they misbehaved',
    label: null,
    read: ({ setAside }) => setAside,
  },
  {
    name: 'session_push_messages_forgotten_early_total',
    help: 'Messages that were forgotten before their time because there were too many; a late copy of one is pushed again',
    label: null,
    read: ({ forgottenEarly }) => forgottenEarly,
  },
];

/** Shows how the network is watched as metrics; the process that watches has them. */
@Injectable()
export class NetworkGauges implements OnModuleInit {
  constructor(
    private readonly status: NetworkStatus,
    private readonly metrics: MetricsService,
  ) {}

  onModuleInit(): void {
    for (const shown of GAUGES)
      this.metrics.gauge({ ...optionsOf(shown), combine: 'max' as const }, () => this.samplesOf(shown));
    for (const shown of COUNTERS) this.metrics.counter(optionsOf(shown), () => this.samplesOf(shown));
  }

  private samplesOf({ label, read }: Shown): GaugeSample[] {
    const state = this.status.here();
    const values = state && read(state.monitor);
    if (values === null) return [];
    if (typeof values === 'number') return [{ labels: {}, value: values }];
    return Object.entries(values).map(([name, value]) => ({ labels: label === null ? {} : { [label]: name }, value }));
  }
}

const optionsOf = ({ name, help, label }: Shown) => ({ name, help, labelNames: label === null ? [] : [label] });
