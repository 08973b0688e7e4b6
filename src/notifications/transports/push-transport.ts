/** The push services that devices are reached through. */
export const PROVIDERS = ['apns', 'fcm', 'huawei'] as const;
export type Provider = (typeof PROVIDERS)[number];

export type ApnsEnvironment = 'production' | 'sandbox';

/** One device of a push, with what guarded removal later compares. */
export interface PushTarget {
  token: string;
  /** UTC epoch milliseconds of the token's latest registration. */
  registeredAt: number;
  /** The APNs environment that accepted this token before; null = not known. Other providers ignore it. */
  apnsEnvironment: ApnsEnvironment | null;
}

/** One still-encrypted message on its way to one or more devices of one provider. */
export interface Push {
  /** UUID of the notification; with the token it gives every attempt the same apns-id. */
  notificationId: string;
  /** The sender's text, passed through untouched; null = wake the phone without content. */
  data: string | null;
  /** UTC epoch milliseconds after which the provider must drop it. */
  expiresAt: number;
  /** 1 to `maxTargets` devices. */
  targets: PushTarget[];
}

/**
 * Why a push may succeed later.
 * - `not-processed`: the provider never looked at it (refused stream, GOAWAY); send again at once
 * - `outcome-unknown`: it left and no answer came, or the answer is not documented
 * - `device-throttled`: too many for this device
 * - `provider-throttled`: too many for this provider as a whole
 * - `provider-down`: 5xx, no connection, TLS failure
 * - `credential`: the provider refuses who we are
 * - `configuration`: wrong project, API disabled and the like; true for every device of the provider
 * - `wrong-address`: this device's token belongs to another topic, project or app; alone it is the token's matter,
 *   many together mean that the operator's topic or project is wrong
 */
export type RetryCause =
  | 'not-processed'
  | 'outcome-unknown'
  | 'device-throttled'
  | 'provider-throttled'
  | 'provider-down'
  | 'credential'
  | 'configuration'
  | 'wrong-address';

/** What became of a push for one device. `reason` is the provider's own code or a constant of ours, never free text. */
export type DeliveryResult =
  | {
      outcome: 'delivered';
      /** The phone was woken without content: it did not fit, or there was none to send any more. */
      contentLeftOut: boolean;
      /** APNs only: the environment that accepted it. */
      apnsEnvironment?: ApnsEnvironment;
    }
  | {
      outcome: 'token-gone';
      reason: string;
      /** APNs 410 only: UTC epoch milliseconds since when the token is dead. A later registration outweighs it. */
      goneSince?: number;
    }
  | { outcome: 'retry'; cause: RetryCause; reason: string; /** the provider's Retry-After */ retryAfterMs?: number }
  | { outcome: 'refused'; reason: string };

/** Injection token of the transports of the configured providers. */
export const PUSH_TRANSPORTS = Symbol('PUSH_TRANSPORTS');

/**
 * A way to one provider. It sends and reports; it never decides about tokens or retries.
 */
export abstract class PushTransport {
  abstract readonly provider: Provider;
  /** Devices that one request can carry. */
  abstract readonly maxTargets: number;

  /** Requests that are worth having in flight at one time. */
  abstract readonly maxInFlight: number;

  /**
   * Sends one request (a second one without content when the provider finds it too large).
   * Returns one result per target, in order. Never rejects: whatever goes wrong is a result. Ends within a deadline.
   */
  abstract send(push: Push): Promise<DeliveryResult[]>;

  /** Reads the credential files again; throws, and keeps what is in use, when the new ones are not usable. */
  abstract reloadCredentials(): Promise<void>;

  /** UTC epoch milliseconds at which the credential ends by itself; null = it does not. */
  abstract credentialExpiresAt(): number | null;

  /** Lets what is in flight end, then closes the connections. */
  abstract close(): Promise<void>;
}
