import { describe, expect, it } from 'vitest';
import { networkProblems, percentOf, watchedShare } from './network-judgement.js';
import { type MonitorStatus } from '../watch/swarm-monitor.service.js';

type Changed = Partial<{ list: Partial<MonitorStatus['list']>; nodes: Partial<MonitorStatus['nodes']>; coverage: Partial<MonitorStatus['coverage']>; swarmsInUse: number; placesAreKnown: boolean }>; // prettier-ignore

function statusWith({ list, nodes, coverage, swarmsInUse = 10, placesAreKnown = true }: Changed = {}): MonitorStatus {
  return {
    list: { nodes: 100, swarms: 20, height: 1, origin: 'source', ageMs: 1000, failedRounds: 0, failures: {}, ...list },
    nodes: { wanted: 50, connected: 50, failing: 0, aside: 0, ...nodes },
    placesAreKnown,
    swarmsInUse,
    coverage: { full: 1000, partial: 0, none: 0, uncounted: 0, ...coverage },
    reports: { taken: 0, copy: 0, late: 0, expired: 0, malformed: 0, foreign: 0, failed: 0 },
    results: { watched: 0, malformed: 0, stale: 0, 'bad-signature': 0, elsewhere: 0, 'not-ready': 0 },
    endedConnections: {},
    monitorEnded: 0,
    unknownCommands: 0,
    aboveShare: 0,
    setAside: 0,
    forgottenEarly: 0,
  };
}
const problemsOf = (changed: Changed, keyIsElsewhere = false) => networkProblems(statusWith(changed), keyIsElsewhere);

describe('the share of accounts that are watched', () => {
  it('counts those that at least one node reports of', () => {
    expect(watchedShare(statusWith({ coverage: { full: 50, partial: 40, none: 10 } }))).toBeCloseTo(0.9);
  });
  it('takes the accounts of swarms that were not counted for as many as the others', () => {
    expect(watchedShare(statusWith({ coverage: { uncounted: 5 } }))).toBeCloseTo(0.5);
    expect(watchedShare(statusWith({ coverage: { full: 0, uncounted: 10 } }))).toBe(0);
  });
  it('is not there without accounts', () => {
    expect(watchedShare(statusWith({ swarmsInUse: 0, coverage: { full: 0 } }))).toBeNull();
  });
  it('is rounded down: nearly all is not all', () => {
    expect([percentOf(0.9999), percentOf(1)]).toEqual([99.9, 100]);
  });
});

describe('what is wrong with the network', () => {
  it('is nothing when all is well, also before anybody has subscribed', () => {
    expect(problemsOf({ nodes: { connected: 40, failing: 10 }, coverage: { full: 900, partial: 100 } })).toEqual([]);
    expect(problemsOf({ swarmsInUse: 0, nodes: { wanted: 0, connected: 0 }, coverage: { full: 0 } })).toEqual([]);
  });
  it.each<[string, Changed, 'degraded' | 'error', string]>([
    ['no list', { list: { origin: null, ageMs: null }, swarmsInUse: 0 }, 'error', 'the list of storage nodes is not known yet'],
    ['accounts that cannot be read', { placesAreKnown: false, swarmsInUse: 0 }, 'error', 'the accounts could not be read yet'],
    ['no node', { nodes: { connected: 0 }, coverage: { full: 0, none: 1000 } }, 'error', 'no storage node is connected'],
    ['accounts without a node', { coverage: { full: 980, none: 20 } }, 'degraded', '98 % of the accounts are watched'],
    ['swarms that were not told', { coverage: { uncounted: 3 } }, 'degraded', '70 % of the accounts are watched, 3 swarms have not been told yet'],
    ['an old list', { list: { ageMs: 40 * 60_000 } }, 'degraded', 'the list of storage nodes is 40 min old'],
    ['silent sources', { list: { failedRounds: 3 } }, 'degraded', 'no source gives the list of storage nodes'],
  ])('is %s', (_, changed, status, words) => {
    expect(problemsOf(changed)).toEqual([{ status, words }]);
  }); // prettier-ignore
  it('is the key alone when another instance uses it', () => {
    expect(problemsOf({ nodes: { connected: 0 } }, true)).toMatchObject([{ status: 'error' }]);
  });
});
