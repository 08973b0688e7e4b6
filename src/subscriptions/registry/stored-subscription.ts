import { hash } from 'node:crypto';
import { boxPlace } from '../../sealing/sealing.protocol.js';
import { type Sealing, type StoredAccount, type StoredToken } from '../../sealing/sealing.js';
import { type Credentials, packCredentials, unpackCredentials } from '../wire/credentials.protocol.js';
import { type SubscribeItem, type UnsubscribeItem } from '../dto/subscriptions.dto.js';
import { type PushService } from '../wire/push-service.js';
import { swarmPlaceOf } from '../wire/swarm-place.protocol.js';

/** What subscriptions are told apart by, in the form in which it is stored. */
export interface SubscriptionKey {
  readonly account: StoredAccount;
  readonly service: PushService;
  readonly token: StoredToken;
}

/** The key and, for what is remembered after its end, the fingerprint. */
export interface EndingKey extends SubscriptionKey {
  readonly fingerprint: string;
  /** UTC epoch seconds. */
  readonly sigTs: number;
}

/** A row of `subscriptions`, as a phone's request makes it. */
export interface NewSubscription extends EndingKey {
  /** How many subscriptions its account may have. */
  readonly bound: number;
  readonly columns: Readonly<Record<string, unknown>>;
}

/**
 * Bounds on the work that one message can cause. A Session id has its owner's phones; a group has a hundred members with
 * some phones each. Tokens that apps gave up stay for up to 14 days.
 */
export const MAX_SUBSCRIPTIONS_PER_SESSION_ID = 100;
export const MAX_SUBSCRIPTIONS_PER_GROUP = 1000;

/** For the log. */
export const DAMAGED = 'stored subscriptions cannot be opened and are left out';

const SESSION_ID_PREFIX = 0x05;

/** Stands for the owner of an account where a subaccount's tag stands otherwise. */
const OWNER = 'owner';

/** Columns that are boxes. */
type Box = 'credentials' | 'enc_key' | 'service_info';

export function toNewSubscription(sealing: Sealing, item: SubscribeItem): NewSubscription {
  const { account, service, token, fingerprint, sigTs } = toEndingKey(sealing, item);
  const key = { account, service, token };
  const box = (column: Box, content: Buffer): Buffer => sealing.box(content, placeOf(column, key));
  return {
    ...key,
    fingerprint,
    sigTs,
    bound: item.account[0] === SESSION_ID_PREFIX ? MAX_SUBSCRIPTIONS_PER_SESSION_ID : MAX_SUBSCRIPTIONS_PER_GROUP,
    columns: {
      ...key,
      signer: sealing.id(item.subaccount?.tag.toString('hex') ?? OWNER),
      swarm_place: swarmPlaceOf(item.account),
      namespaces: item.namespaces.join(','),
      wants_data: item.wantsData ? 1 : 0,
      sig_ts: sigTs,
      credentials: box('credentials', packCredentials(item)),
      enc_key: box('enc_key', item.encKey),
      service_info: item.info.extra && box('service_info', item.info.extra),
    },
  };
}

export function toEndingKey(sealing: Sealing, item: UnsubscribeItem): EndingKey {
  const { service, sigTs } = item;
  const [account, { token }] = [item.account.toString('hex'), item.info];
  return {
    account: sealing.account(account),
    service,
    token: sealing.token(token),
    fingerprint: sealing.id(hash('sha256', `${account} ${service} ${token}`, 'base64url')),
    sigTs,
  };
}

/** Null = it is damaged. */
export function openCredentials(sealing: Sealing, key: SubscriptionKey, stored: Buffer): Credentials | null {
  const bytes = sealing.openBox(stored, placeOf('credentials', key));
  return bytes && unpackCredentials(bytes);
}

/** Null = it is damaged. */
export const openColumn = (
  sealing: Sealing,
  key: SubscriptionKey,
  column: 'enc_key' | 'service_info',
  stored: Buffer,
): Buffer | null => sealing.openBox(stored, placeOf(column, key));

export const namespacesOf = (stored: string): number[] => stored.split(',').map(Number);

const placeOf = (column: Box, { account, service, token }: SubscriptionKey): string =>
  boxPlace('subscriptions', column, [account, service, token]);
