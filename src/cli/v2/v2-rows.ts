import { readServiceInfo } from '../../subscriptions/dto/service-info.js';
import { MAX_NAMESPACES, type SubscribeItem } from '../../subscriptions/dto/subscriptions.dto.js';
import { type PushService } from '../../subscriptions/wire/push-service.js';
import { namespacesOf } from '../../subscriptions/registry/stored-subscription.js';
import { type V2Row } from './v2-database.js';

/** What the existing server pushes through; its `svcid` is the device token. */
const V2_SERVICES = ['apns', 'apns-sandbox', 'firebase', 'huawei'] as const satisfies readonly PushService[];
type V2Service = (typeof V2_SERVICES)[number];

export const isV2Service = (name: string): name is V2Service => V2_SERVICES.some((service) => service === name);

/**
 * The row as its phone once asked for it, so that it can be judged and stored like any other; or why it cannot be, in fixed
 * words. Its signature and its time are not looked at.
 */
export function itemOf(row: V2Row): SubscribeItem | string {
  const { account, session_ed25519: sessionEd25519, signature, enc_key: encKey, service } = row;
  if (!isV2Service(service)) return 'of a service that is not known here';
  if (row.subkey_tag) return 'signed with a subkey, which storage nodes do not take any more';
  const { subaccount_tag: tag, subaccount_sig: tagSignature } = row;
  if ((tag === null) !== (tagSignature === null)) return 'with one half of a subaccount';
  const lengths = [
    [account, 33],
    [sessionEd25519, 32],
    [tag, 36],
    [tagSignature, 64],
    [signature, 64],
    [encKey, 32],
  ] as const;
  if (lengths.some(([bytes, length]) => bytes !== null && bytes.length !== length)) {
    return 'with an account, a key or a signature of another length';
  }
  const namespaces = row.namespaces === '' ? [] : namespacesOf(row.namespaces);
  if (namespaces.length === 0 || namespaces.length > MAX_NAMESPACES)
    return `without namespaces, or with over ${MAX_NAMESPACES}`;
  const info = readServiceInfo(service, { token: row.svcid });
  if (typeof info === 'string') return 'with a token that no phone can have';
  return {
    account,
    sessionEd25519,
    subaccount: tag && tagSignature && { tag, signature: tagSignature },
    signature,
    sigTs: Number(row.signature_ts),
    service,
    info,
    namespaces,
    wantsData: row.want_data,
    encKey,
  };
}
