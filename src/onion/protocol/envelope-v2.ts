import { Channel, fingerprintOf } from './channel.js';
import { type Envelope, type InnerStatus, type OpenResult, readRequestBody, refused, unusable } from './envelope.js';
import { parseJsonObject } from '../../encoding/json.js';
import { type X25519KeyPair } from './key-agreement.js';
import { decodeHexKey } from '../../encoding/key-encodings.js';
import { parseOuterBody } from './outer-body.js';

/**
 * Onion requests of version 2, `POST /loki/v2/lsrpc`. See docs/protocol.md §1.2 and §3.2.
 *
 * Always AES-GCM, `enc_type` is ignored; the ephemeral key is hex. Request plaintext: a JSON object whose `body` is a string
 * with the JSON of the arguments, and missing when it is not a string; the endpoint is taken as it is, without removing a slash. Reply: JSON with the base64 of the
 * sealed bytes.
 */
export const envelopeV2: Envelope = {
  version: 'v2',
  contentType: 'application/json',

  open(server: X25519KeyPair, body: Buffer): OpenResult {
    const outer = parseOuterBody(body);
    if (!outer || outer.ciphertext.length === 0) return refused('frame');
    const clientKey = decodeHexKey(outer.fields['ephemeral_key']);
    const channel = clientKey && Channel.ofServer(server, clientKey, 'aes-gcm');
    if (!channel) return refused('ephemeral-key');
    const payload = channel.open(outer.ciphertext);
    // libsession tells a request that it sealed with another cipher by this sealed answer, so it is not an HTTP 400.
    return payload ? readPayload(channel, outer.ciphertext, payload) : unusable(channel, 'undecryptable');
  },

  sealReply(channel: Channel, status: InnerStatus, json: string, nonce?: Uint8Array): Buffer {
    // The body goes in as an object: iOS loses one that is a string.
    const sealed = channel.seal(Buffer.from(`{"status": ${status}, "body": ${json}}`), nonce);
    return Buffer.from(`{"result":"${sealed.toString('base64')}"}\n`);
  },
};

function readPayload(channel: Channel, sealed: Buffer, payload: Buffer): OpenResult {
  const request = parseJsonObject(payload);
  if (!request) return unusable(channel, 'payload');
  const { endpoint, body } = request;
  if (typeof endpoint !== 'string') return unusable(channel, 'endpoint');
  return {
    kind: 'request',
    channel,
    fingerprint: fingerprintOf(sealed),
    endpoint,
    body: readRequestBody(typeof body === 'string' ? body : undefined),
  };
}
