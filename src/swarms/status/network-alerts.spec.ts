import { Logger } from '@nestjs/common';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { type OperatorEvent, OperatorEvents } from '../../operator/operator-events.js';
import { DEFAULT_NETWORK_ALERTS_TUNING, NetworkAlerts } from './network-alerts.js';
import { type NetworkState, type NetworkStatus } from './network-status.js';
import { type MonitorStatus, type SetAside, type SwarmMonitor } from '../watch/swarm-monitor.service.js';

const MINUTE = 60_000;

const MONITOR: MonitorStatus = {
  list: { nodes: 100, swarms: 20, height: 1, origin: 'source', ageMs: 1000, failedRounds: 0, failures: {} },
  nodes: { wanted: 50, connected: 50, failing: 0, aside: 0 },
  placesAreKnown: true,
  swarmsInUse: 10,
  coverage: { full: 1000, partial: 0, none: 0, uncounted: 0 },
  reports: { taken: 0, copy: 0, late: 0, expired: 0, malformed: 0, foreign: 0, failed: 0 },
  results: { watched: 0, malformed: 0, stale: 0, 'bad-signature': 0, elsewhere: 0, 'not-ready': 0 },
  endedConnections: {},
  monitorEnded: 0,
  unknownCommands: 0,
  aboveShare: 0,
  setAside: 0,
  forgottenEarly: 0,
};

function stateWith(changed: Partial<MonitorStatus>): NetworkState {
  const monitor = { ...MONITOR, ...changed };
  return { monitor, keyIsElsewhere: false, problems: [], reportsPerSecond: 0, tooBig: 0 };
}
const listWith = (changed: Partial<MonitorStatus['list']>) => stateWith({ list: { ...MONITOR.list, ...changed } });
const coverageWith = (changed: Partial<MonitorStatus['coverage']>) =>
  stateWith({ coverage: { ...MONITOR.coverage, ...changed } });
const WELL = stateWith({});

describe('the operator is told of the network', () => {
  let events: OperatorEvent[];
  let state: NetworkState | null;
  let alerts: NetworkAlerts;
  let setAside: (aside: SetAside) => void;

  beforeEach(() => {
    Logger.overrideLogger(false);
    vi.useFakeTimers({ toFake: ['performance'] });
    events = [];
    const operator = new OperatorEvents();
    operator.on((event) => events.push(event));
    const status = { here: () => state } as NetworkStatus;
    const monitor = { onSetAside: (listener) => void (setAside = listener) } as SwarmMonitor;
    alerts = new NetworkAlerts(status, monitor, operator, DEFAULT_NETWORK_ALERTS_TUNING);
    alerts.onModuleInit();
    return () => vi.useRealTimers();
  });

  /** It has been so for so long, looked at as often as in a server. */
  function been(how: NetworkState | null, ms: number): void {
    state = how;
    for (let passed = 0; passed <= ms; passed += 2000) {
      alerts.look();
      vi.advanceTimersByTime(2000);
    }
  }

  it('when the list of nodes has been old for half an hour, at once, and when it has been fresh again for two minutes', () => {
    been(listWith({ ageMs: 30 * MINUTE }), MINUTE);
    expect(events).toEqual([]);
    been(listWith({ ageMs: 30 * MINUTE + 1 }), 0);
    expect(events).toEqual([{ kind: 'node-list-old', ageMs: 30 * MINUTE + 1 }]);
    been(listWith({ ageMs: 40 * MINUTE }), 10 * MINUTE);
    been(WELL, MINUTE);
    expect(events).toHaveLength(1);
    been(WELL, 2 * MINUTE);
    expect(events.slice(1)).toEqual([{ kind: 'node-list-fresh' }]);
  });

  it('when more than one in a hundred accounts have not been watched for five minutes, and when they are again', () => {
    been(coverageWith({ full: 100, partial: 890, none: 10 }), 10 * MINUTE);
    been(coverageWith({ full: 985, none: 15 }), 4 * MINUTE);
    been(WELL, 0);
    expect(events).toEqual([]);
    been(coverageWith({ full: 985, none: 15 }), 5 * MINUTE);
    expect(events).toEqual([{ kind: 'coverage-low', percent: 98.5 }]);
    been(WELL, 2 * MINUTE);
    expect(events.slice(1)).toEqual([{ kind: 'coverage-restored', percent: 100 }]);
  });

  it('when no source has given the list for five minutes, with how each of them fails, and when one does again', () => {
    const failures = { 'https://one': 'connection refused' };
    been(listWith({ failedRounds: 2, failures }), 4 * MINUTE);
    been(WELL, 0);
    expect(events).toEqual([]);
    been(listWith({ failedRounds: 9, failures }), 5 * MINUTE);
    expect(events).toEqual([{ kind: 'node-sources-fail', failures }]);
    been(WELL, 2 * MINUTE);
    expect(events.slice(1)).toEqual([{ kind: 'node-sources-answer' }]);
  });

  it('of each matter by itself', () => {
    been(listWith({ ageMs: 40 * MINUTE, failedRounds: 9 }), 5 * MINUTE);
    expect(events.map(({ kind }) => kind)).toEqual(['node-list-old', 'node-sources-fail']);
  });

  it('of a node that is set aside, by its key', () => {
    setAside({ node: 'ab', reason: 'foreign', minutes: 60 });
    expect(events).toEqual([{ kind: 'node-set-aside', node: 'ab', reason: 'foreign', minutes: 60 }]);
  });

  it('nothing by a process that does not watch', () => {
    been(listWith({ ageMs: 20 * MINUTE }), 0);
    been(null, 20 * MINUTE);
    expect(events).toEqual([]);
  });
});
