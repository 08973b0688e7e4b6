import { type PushContent } from './push-content.js';

/**
 * The map of texts that the Android apps read, whatever brings it (docs/protocol.md). Keys in this order:
 * - legacy: `ENCRYPTED_DATA`; without content `remote`, the field that marks a push from here on APNs
 * - sealed: `enc_payload` when there is one, and `spns` = `2`
 */
export function appData(content: PushContent): Record<string, string> {
  switch (content.kind) {
    case 'none':
      return { remote: '1' };
    case 'legacy':
      return { ENCRYPTED_DATA: content.data };
    case 'sealed':
      return { ...(content.payload === null ? {} : { enc_payload: content.payload }), spns: '2' };
  }
}
