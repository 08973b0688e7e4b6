import { type StoredToken } from '../sealing/sealing.js';
import { type PushContent, type Urgency } from './push-content.js';

/** The push services that devices are reached through. */
export const PROVIDERS = ['apns', 'fcm', 'huawei', 'webpush'] as const;
export type Provider = (typeof PROVIDERS)[number];

export type ApnsEnvironment = 'production' | 'sandbox';

/** One device of a push, with what guarded removal later compares. */
export interface PushTarget {
  token: string;
  /** UTC epoch milliseconds of the token's latest registration. */
  registeredAt: number;
  /** The APNs environment that accepted this token before; null = not known. Other providers ignore it. */
  apnsEnvironment: ApnsEnvironment | null;
  /**
   * When its provider accepted a push for it, to within some days, UTC epoch milliseconds. Without it nobody knows whether
   * there is such a device: anybody can make a token up, so nothing may be concluded from what a provider says about it.
   */
  acceptedAt?: number | null;
  /** The push is for a group that the device's owner is in. What is for the owner alone has a share of its own. */
  isThroughGroup?: true;
  /** Web Push only: the keys of the subscription, base64url of `packKeys`. */
  serviceInfo?: string;
}

/** A device whose token is as it is stored, and may be sealed. */
export interface StoredTarget extends PushTarget {
  token: StoredToken;
}

/** One still-encrypted message on its way to one or more devices of one provider. */
export interface Push {
  /** UUID of the notification; with the token it gives every attempt the same apns-id. */
  notificationId: string;
  /** Whom the notification is for, as stored; absent = nobody, as when the operator asks whether a provider works. */
  recipient?: string;
  content: PushContent;
  urgency: Urgency;
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
 * - `host-down`: Web Push only. The push server that this device chose is away, refuses us or is asked too often; it is no
 *   word about the provider, because other devices have other servers
 */
export type RetryCause =
  | 'not-processed'
  | 'outcome-unknown'
  | 'device-throttled'
  | 'provider-throttled'
  | 'provider-down'
  | 'credential'
  | 'configuration'
  | 'wrong-address'
  | 'host-down';

/** The servers that devices chose to be reached through. */
export interface ServerReport {
  /** How many there are in memory: they took a push lately, or were to. */
  known: number;
  /** How many of them are left alone for now. */
  failing: number;
  /** How many have taken a push since the start: push servers, and nothing that somebody made up. */
  proven: number;
  /** How many of those are left alone for now. */
  provenFailing: number;
  /** Failing ones that several devices use, the largest first. One with a single user is not named: it would name the user. */
  largestFailing: { host: string; devices: number; reason: string }[];
}

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

  /** UTC epoch milliseconds at which the credential expires; null = it does not. */
  abstract credentialExpiresAt(): number | null;

  /** The servers behind it, where devices choose them. */
  servers(): ServerReport | null {
    return null;
  }

  /** Lets what is in flight end, then closes the connections. */
  abstract close(): Promise<void>;
}

/** The transports of the configured providers. */
export class PushTransports {
  constructor(readonly all: readonly PushTransport[]) {}
}
