export type GatewayOrder =
  /**
   * Forgets the pushes so far; from now on those of these notifications are timed. Of sealed ones the account's number is
   * the sequence.
   */
  | { readonly kind: 'expect'; readonly firstSequence: number; readonly count: number }
  | { readonly kind: 'progress' }
  | { readonly kind: 'arrivals' };

export interface GatewaysReady {
  /** Leads a server to the gateways. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface GatewayProgress {
  /** Pushes taken by all gateways since `expect`. */
  readonly pushes: number;
  /** `monotonicMs` of the last one. */
  readonly lastPushAt: number;
}

/** `monotonicMs` of each notification's first push; NaN = none. */
export interface Arrivals {
  readonly firstPushAt: Float64Array;
}
