import { HOUR_MS } from '../../config/durations.js';

/** What instances remember together of the messages that they have taken. Longer or shorter in tests. */
export abstract class SharedSeenTuning {
  abstract readonly periodMs: number;
  /** Of fingerprints in one set. */
  abstract readonly maxPerBucket: number;
  /** The instance that said it takes a message may have died; after this time another one takes it. */
  abstract readonly claimMs: number;
  /** Without an answer of Redis for so long, every instance takes what is reported to it. */
  abstract readonly aloneAfterMs: number;
}

export const DEFAULT_SHARED_SEEN_TUNING: SharedSeenTuning = {
  periodMs: HOUR_MS,
  // Redis' `set-max-intset-entries`. 4096 sets of so many are about as much as one process remembers of an hour.
  maxPerBucket: 512,
  claimMs: 6000,
  aloneAfterMs: 30_000,
};
