import { z } from 'zod';
import { isPushService, type PushService } from '../wire/push-service.js';
import { type Subaccount } from '../wire/signatures.protocol.js';
import { type ServiceInfo, readServiceInfo } from './service-info.js';
import { bytes, optionalBytes, refuse, required } from './subscription-fields.js';

/** Apps name at most six; so many fit their column. */
export const MAX_NAMESPACES = 32;

const MIN_INT16 = -32_768;
const MAX_INT16 = 32_767;

/** What the items of both commands say: which subscription is meant, and who signed. */
interface SignedItem {
  /** 33 bytes. */
  readonly account: Buffer;
  readonly sessionEd25519: Buffer | null;
  readonly subaccount: Subaccount | null;
  readonly signature: Buffer;
  /** UTC epoch seconds. */
  readonly sigTs: number;
  readonly service: PushService;
  readonly info: ServiceInfo;
}

export type UnsubscribeItem = SignedItem;

export interface SubscribeItem extends SignedItem {
  readonly namespaces: readonly number[];
  /** Whether pushes should carry the message. */
  readonly wantsData: boolean;
  readonly encKey: Buffer;
}

/** In the order in which they are looked at. */
const signedFields = {
  pubkey: bytes('pubkey', 33, 4),
  session_ed25519: optionalBytes('session_ed25519', 32),
  subaccount: optionalBytes('subaccount', 36),
  subaccount_sig: optionalBytes('subaccount_sig', 64),
  signature: bytes('signature', 64, 4),
  sig_ts: required('sig_ts', 4, readTimestamp),
  service: required('service', 4, readService),
  service_info: required('service_info', 4, (value) => value),
};

/** What each key may be: docs/subscriptions.md §1. */
export const unsubscribeItem: z.ZodType<UnsubscribeItem> = z.object(signedFields).transform(toSignedItem);

export const subscribeItem: z.ZodType<SubscribeItem> = z
  .object({
    ...signedFields,
    enc_key: bytes('enc_key', 32, 1),
    namespaces: required('namespaces', 1, readNamespaces),
    data: required('data', 1, readFlag),
  })
  .transform((fields, context) => ({
    ...toSignedItem(fields, context),
    namespaces: fields.namespaces,
    wantsData: fields.data,
    encKey: fields.enc_key,
  }));

function toSignedItem(fields: z.output<z.ZodObject<typeof signedFields>>, context: z.RefinementCtx): SignedItem {
  const { pubkey: account, session_ed25519: sessionEd25519, signature, sig_ts: sigTs, service } = fields;
  const subaccount = toSubaccount(fields.subaccount, fields.subaccount_sig, context);
  const info = readServiceInfo(service, fields.service_info);
  if (typeof info === 'string') return refuse(context, 1, info);
  return { account, sessionEd25519, subaccount, signature, sigTs, service, info };
}

function toSubaccount(tag: Buffer | null, signature: Buffer | null, context: z.RefinementCtx): Subaccount | null {
  if (tag && signature) return { tag, signature };
  if (tag) return refuse(context, 4, 'Cannot specify subaccount without subaccount_sig');
  return signature ? refuse(context, 4, 'Cannot specify subaccount_sig without subaccount') : null;
}

function readTimestamp(value: unknown, context: z.RefinementCtx): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  return refuse(context, 4, 'sig_ts must be a whole number of seconds');
}

/** The name of another service is not repeated: it is the client's text. */
function readService(value: unknown, context: z.RefinementCtx): PushService {
  return isPushService(value) ? value : refuse(context, 2, 'This notification service is not available');
}

function readNamespaces(value: unknown, context: z.RefinementCtx): number[] {
  if (!Array.isArray(value) || value.length === 0) {
    return refuse(context, 4, 'Subscription: namespaces missing or empty');
  }
  if (value.length > MAX_NAMESPACES) {
    return refuse(context, 4, `Subscription: at most ${MAX_NAMESPACES} namespaces are possible`);
  }
  if (!value.every(isNamespace)) return refuse(context, 4, 'Subscription: namespaces must be 16-bit integers');
  for (const [index, namespace] of value.entries()) {
    const before = value[index - 1] ?? -Infinity;
    if (namespace === before) return refuse(context, 4, 'Subscription: namespaces contains duplicates');
    if (namespace < before) return refuse(context, 4, 'Subscription: namespaces are not sorted numerically');
  }
  return value;
}

const isNamespace = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) >= MIN_INT16 && Number(value) <= MAX_INT16;

function readFlag(value: unknown, context: z.RefinementCtx): boolean {
  return typeof value === 'boolean' ? value : refuse(context, 4, 'data must be true or false');
}
