import { type Channel } from './channel.js';
import { type JsonObject } from './json.js';
import { type X25519KeyPair } from './key-agreement.js';
import { type OnionVersion } from './onion-client.js';
import { type ContentRefusal, type OpenRefusal } from './refusals.js';

/**
 * The statuses that travel inside a sealed reply. Clients give 401, 406 and 425 meanings of their own (bad signature, clock
 * out of sync), so none of those may ever be added.
 */
export type InnerStatus = 200 | 400 | 500;

export type OpenResult =
  /** A request that can be handed to a command. */
  | { readonly kind: 'request'; readonly channel: Channel; readonly endpoint: string; readonly args: JsonObject }
  /** Something is wrong with it, but there is a key to seal the answer with. */
  | { readonly kind: 'unusable'; readonly channel: Channel; readonly reason: ContentRefusal }
  | { readonly kind: 'refused'; readonly reason: OpenRefusal };

/** One version of the onion request format, the server's side. */
export interface Envelope {
  readonly version: OnionVersion;
  /** Content type of a sealed reply's HTTP body. */
  readonly contentType: string;
  /** Opens an HTTP body. Any bytes lead to a result; nothing is thrown because of them. */
  open(server: X25519KeyPair, body: Buffer): OpenResult;
  /**
   * Makes the HTTP body of a reply. `json` is the text of a JSON object. A nonce is given only to repeat known answers.
   */
  sealReply(channel: Channel, status: InnerStatus, json: string, nonce?: Uint8Array): Buffer;
}

export const refused = (reason: OpenRefusal): OpenResult => ({ kind: 'refused', reason });
export const unusable = (channel: Channel, reason: ContentRefusal): OpenResult => ({
  kind: 'unusable',
  channel,
  reason,
});

/**
 * The JSON text of a command's result. The spaces are the original server's, so that replies can be compared with its
 * replies byte for byte.
 */
export function resultJson(code: 0 | 1, message: string): string {
  return `{"code": ${code}, "message": ${JSON.stringify(message)}}`;
}
