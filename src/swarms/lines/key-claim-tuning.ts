/** How long the claim of a swarm key lasts. Longer or shorter in tests. */
export abstract class KeyClaimTuning {
  /** One that was killed is replaced, or started again, and watches after this time at the latest. */
  abstract readonly lastsMs: number;
  abstract readonly renewMs: number;
  /** An instance that has it for longer than the claim of a dead one lasts is alive. */
  abstract readonly aliveAfterMs: number;
}

export const DEFAULT_KEY_CLAIM_TUNING: KeyClaimTuning = { lastsMs: 5000, renewMs: 1000, aliveAfterMs: 6000 };
