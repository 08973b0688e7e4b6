import { decodeStringList, encodeStringList } from '../../encoding/bencode.js';
import { Channel, fingerprintOf } from './channel.js';
import { parseEncType } from './ciphers.js';
import { type Envelope, type InnerStatus, type OpenResult, readRequestBody, refused, unusable } from './envelope.js';
import { parseJsonObject } from '../../encoding/json.js';
import { type X25519KeyPair } from './key-agreement.js';
import { decodeEphemeralKey } from '../../encoding/key-encodings.js';
import { parseOuterBody } from './outer-body.js';

/**
 * Onion requests of version 4, `POST /oxen/v4/lsrpc`. See docs/protocol.md §1.2 and §3.1.
 *
 * Request plaintext: `l <n>:<metadata JSON> <n>:<body JSON> e`; the endpoint comes from the metadata alone, the arguments
 * from the body alone. Reply: the sealed bytes as they are, with a list of the same form inside.
 */
export const envelopeV4: Envelope = {
  version: 'v4',
  contentType: 'application/octet-stream',

  open(server: X25519KeyPair, body: Buffer): OpenResult {
    const outer = parseOuterBody(body);
    if (!outer) return refused('frame');
    const encType = parseEncType(outer.fields['enc_type']);
    if (!encType) return refused('enc-type');
    const clientKey = decodeEphemeralKey(outer.fields['ephemeral_key']);
    const channel = clientKey && Channel.ofServer(server, clientKey, encType);
    if (!channel) return refused('ephemeral-key');
    const payload = channel.open(outer.ciphertext);
    return payload ? readPayload(channel, outer.ciphertext, payload) : refused('undecryptable');
  },

  sealReply(channel: Channel, status: InnerStatus, json: string, nonce?: Uint8Array): Buffer {
    // Desktop drops the body unless the content type is exactly this, without a charset.
    const metadata = `{"code": ${status}, "headers": {"content-type": "application/json"}}`;
    return channel.seal(encodeStringList(metadata, json), nonce);
  },
};

function readPayload(channel: Channel, sealed: Buffer, payload: Buffer): OpenResult {
  const parts = decodeStringList(payload);
  const metadata = parts && parseJsonObject(parts[0]);
  if (!metadata) return unusable(channel, 'payload');
  const { endpoint } = metadata;
  if (typeof endpoint !== 'string') return unusable(channel, 'endpoint');
  return {
    kind: 'request',
    channel,
    fingerprint: fingerprintOf(sealed),
    endpoint: endpoint.startsWith('/') ? endpoint.slice(1) : endpoint,
    body: readRequestBody(parts[1]),
  };
}
