import { type MonitorStatus } from '../watch/swarm-monitor.service.js';

/** Above and below these the operator should look. */
export const NETWORK_BOUNDS = {
  /** Of all accounts, those that at least one node reports of. Some have a signature that nodes refuse by now. */
  watchedShare: 0.99,
  /** Blocks come every two minutes, and each confirms the list. */
  listAgeMs: 30 * 60_000,
  /** Rounds without an answer of any source: after the third, 40 seconds. */
  failedRounds: 3,
};

export interface NetworkProblem {
  /** `error` = nothing can be watched. */
  readonly status: 'degraded' | 'error';
  readonly words: string;
}

/**
 * The share of accounts that at least one node reports of, between 0 and 1; null = there are none. The accounts of a swarm
 * that were not counted yet are taken to be as many as those of another one, and watched by nobody.
 */
export function watchedShare({
  coverage,
  swarmsInUse,
}: Pick<MonitorStatus, 'coverage' | 'swarmsInUse'>): number | null {
  const { full, partial, none, uncounted } = coverage;
  if (swarmsInUse === 0) return null;
  const accounts = full + partial + none;
  const ofCounted = accounts === 0 ? 1 : (full + partial) / accounts;
  return ofCounted * (1 - uncounted / swarmsInUse);
}

/** What is wrong with how the network is watched, the worst first. */
export function networkProblems(status: MonitorStatus, keyIsElsewhere: boolean): NetworkProblem[] {
  if (keyIsElsewhere)
    return [{ status: 'error', words: 'another instance uses the same SWARM_KEY_FILE, this one does not watch' }];
  const { list, nodes, placesAreKnown, swarmsInUse, coverage } = status;
  const isBlind = swarmsInUse > 0 && nodes.connected === 0;
  const share = watchedShare(status);
  const problems: [boolean, NetworkProblem['status'], string][] = [
    [list.origin === null, 'error', 'the list of storage nodes is not known yet'],
    [!placesAreKnown, 'error', 'the accounts could not be read yet'],
    [isBlind, 'error', 'no storage node is connected'],
    [
      !isBlind && share !== null && share < NETWORK_BOUNDS.watchedShare,
      'degraded',
      coverageWords(share ?? 0, coverage),
    ],
    [
      (list.ageMs ?? 0) > NETWORK_BOUNDS.listAgeMs,
      'degraded',
      `the list of storage nodes is ${minutes(list.ageMs)} old`,
    ],
    [list.failedRounds >= NETWORK_BOUNDS.failedRounds, 'degraded', 'no source gives the list of storage nodes'],
  ];
  return problems.flatMap(([isThere, severity, words]) => (isThere ? [{ status: severity, words }] : []));
}

function coverageWords(share: number, { uncounted }: MonitorStatus['coverage']): string {
  const words = `${percentOf(share)} % of the accounts are watched`;
  return uncounted === 0 ? words : `${words}, ${uncounted} swarms have not been told yet`;
}

/** Rounded down: 99.96 % is not all. */
export const percentOf = (share: number): number => Math.floor(share * 1000) / 10;

const minutes = (ms: number | null): string => `${Math.round((ms ?? 0) / 60_000)} min`;
