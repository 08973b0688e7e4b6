/** The figures of delivery, explained in docs/delivery.md. Not meant for operators; tests shorten the times. */
export abstract class DeliveryTuning {
  /** Notifications claimed and looked up together. */
  abstract readonly intakeBatch: number;
  /** Notifications that are being worked on at one time. */
  abstract readonly maxOpenNotifications: number;
  /** Devices that one look-up may give. */
  abstract readonly lookUpDevices: number;
  /** Devices of notifications that are being worked on; while there are more, no further ones are looked up. */
  abstract readonly maxOpenDevices: number;
  /** Pages of large recipients that are being worked on at one provider. */
  abstract readonly pagesAtOnce: number;
  /** An item that two processes crashed on is worked on this long after the start. */
  abstract readonly suspectsAfterMs: number;
  /** Pushes that wait in memory for one provider; more stay in the queue. */
  abstract readonly maxProviderBacklog: number;
  /** How long an idle lane sleeps before it looks at the queue again. */
  abstract readonly pollMs: number;
  abstract readonly retryBaseMs: number;
  abstract readonly retryMaxMs: number;
  /** Factor on the pauses that providers ask for, in answers or documents; 1 outside tests. */
  abstract readonly pauseScale: number;
  /** First pause after a provider failed too often; doubles with each failed probe. */
  abstract readonly breakerBaseMs: number;
  abstract readonly breakerMaxMs: number;
  /** Failures in a row that open the breaker. */
  abstract readonly breakerThreshold: number;
  /** A push older than this has waited through an outage. */
  abstract readonly staleAfterMs: number;
  /** Stale pushes per device that still go out whole; one more goes without content, the rest is collapsed. */
  abstract readonly keepStalePerDevice: number;
  /** Pushes with content that a device gets in a row: so many for its owner, and as many through groups. */
  abstract readonly deviceBurst: number;
  /** And so many more per minute. */
  abstract readonly devicePushesPerMinute: number;
  /** Above that it is woken without content at most so often. */
  abstract readonly deviceWakeupMs: number;
  /** Notifications per recipient and minute that go out; what is above is collapsed into one without content. */
  abstract readonly maxPerRecipientAndMinute: number;
  /** Pushes (devices times notifications) per recipient and minute; what is above is collapsed likewise. */
  abstract readonly maxPushesPerRecipientAndMinute: number;
  /** How long a dead answer is held before the token is removed. */
  abstract readonly removalHoldMs: number;
  /** The brake looks at the answers of this long. */
  abstract readonly brakeWindowMs: number;
  /** Fewer dead tokens than this never engage the brake. */
  abstract readonly brakeFloor: number;
  /** Share of dead among all answered devices, of the window or of its last fifteenth, above which the brake engages. */
  abstract readonly brakeShare: number;
  /** How long most servers that devices chose have to fail, and to work again, before that is told. */
  abstract readonly serversFailAfterMs: number;
  abstract readonly serversWorkAfterMs: number;
  /** How long a stop waits for the requests under way. */
  abstract readonly drainMs: number;
}

export const DEFAULT_DELIVERY_TUNING = Object.freeze({
  intakeBatch: 256,
  maxOpenNotifications: 8000,
  lookUpDevices: 2048,
  maxOpenDevices: 20_000,
  pagesAtOnce: 2,
  suspectsAfterMs: 10_000,
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
  deviceBurst: 200,
  devicePushesPerMinute: 60,
  deviceWakeupMs: 5000,
  maxPerRecipientAndMinute: 1200,
  maxPushesPerRecipientAndMinute: 30_000,
  removalHoldMs: 5000,
  brakeWindowMs: 15 * 60_000,
  brakeFloor: 5,
  brakeShare: 0.1,
  serversFailAfterMs: 5 * 60_000,
  serversWorkAfterMs: 2 * 60_000,
  drainMs: 5000,
} satisfies DeliveryTuning);

/** Nothing waits longer than this before it is tried again: at most an hour of what a provider asks for, plus the random spread. */
export const LONGEST_PAUSE_MS = 65 * 60_000;
