/** Injection token of the {@link DeliveryTuning}. */
export const DELIVERY_TUNING = Symbol('DELIVERY_TUNING');

/** The figures of delivery, explained in docs/delivery.md. Not meant for operators; tests shorten the times. */
export interface DeliveryTuning {
  /** Notifications claimed and looked up together. */
  intakeBatch: number;
  /** Notifications that are being worked on at one time. */
  maxOpenNotifications: number;
  /** Pushes that wait in memory for one provider; more stay in the queue. */
  maxProviderBacklog: number;
  /** How long an idle lane sleeps before it looks at the queue again. */
  pollMs: number;
  retryBaseMs: number;
  retryMaxMs: number;
  /** Factor on the pauses that providers ask for, in answers or documents; 1 outside tests. */
  pauseScale: number;
  /** First pause after a provider failed too often; doubles with each failed probe. */
  breakerBaseMs: number;
  breakerMaxMs: number;
  /** Failures in a row that open the breaker. */
  breakerThreshold: number;
  /** A push older than this has waited through an outage. */
  staleAfterMs: number;
  /** Stale pushes per device that still go out whole; one more goes without content, the rest is folded. */
  keepStalePerDevice: number;
  /** Notifications per recipient and minute that go out; what is above is folded into one without content. */
  maxPerRecipientAndMinute: number;
  /** Pushes (devices times notifications) per recipient and minute; what is above is folded likewise. */
  maxPushesPerRecipientAndMinute: number;
  /** How long a dead answer is held before the token is removed. */
  removalHoldMs: number;
  /** The brake looks at the answers of this long. */
  brakeWindowMs: number;
  /** Fewer dead tokens than this never engage the brake. */
  brakeFloor: number;
  /** Share of dead among all answered devices, of the window or of its last fifteenth, above which the brake engages. */
  brakeShare: number;
  /** How long a stop waits for the requests under way. */
  drainMs: number;
}

export const DEFAULT_DELIVERY_TUNING: DeliveryTuning = Object.freeze({
  intakeBatch: 256,
  maxOpenNotifications: 8000,
  maxProviderBacklog: 2000,
  pollMs: 250,
  retryBaseMs: 2000,
  retryMaxMs: 10 * 60_000,
  pauseScale: 1,
  breakerBaseMs: 5000,
  breakerMaxMs: 60_000,
  breakerThreshold: 5,
  staleAfterMs: 3 * 60_000,
  keepStalePerDevice: 3,
  maxPerRecipientAndMinute: 1200,
  maxPushesPerRecipientAndMinute: 30_000,
  removalHoldMs: 5000,
  brakeWindowMs: 15 * 60_000,
  brakeFloor: 5,
  brakeShare: 0.1,
  drainMs: 5000,
});
