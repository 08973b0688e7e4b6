import { type Channel } from './channel.js';
import { parseJson } from '../../encoding/json.js';
import { type X25519KeyPair } from './key-agreement.js';
import { type OnionVersion } from './onion-client.js';
import { type OpenRefusal, type PayloadRefusal } from './refusals.js';

/**
 * The statuses that travel inside a sealed reply. Clients give 401, 406 and 425 meanings of their own (bad signature, clock
 * out of sync), so none of those may ever be added.
 */
export type InnerStatus = 200 | 400 | 500 | 503;

/** The body that travels inside a request. The command checks which JSON it is. */
export type RequestBody =
  { readonly kind: 'json'; readonly value: unknown } | { readonly kind: 'missing' | 'not-json' };

export interface OpenedRequest {
  readonly kind: 'request';
  readonly channel: Channel;
  /** Equal for the same sealed bytes only, whatever stands beside them in the HTTP body. */
  readonly fingerprint: string;
  readonly endpoint: string;
  readonly body: RequestBody;
}

export type OpenResult =
  /** A request that can be handed to a command. */
  | OpenedRequest
  /** Something is wrong with it, but there is a key to seal the answer with. */
  | { readonly kind: 'unusable'; readonly channel: Channel; readonly reason: PayloadRefusal }
  | { readonly kind: 'refused'; readonly reason: OpenRefusal };

/** One version of the onion request format, the server's side. */
export interface Envelope {
  readonly version: OnionVersion;
  /** Content type of a sealed reply's HTTP body. */
  readonly contentType: string;
  /** Opens an HTTP body. Any bytes lead to a result; nothing is thrown because of them. */
  open(server: X25519KeyPair, body: Buffer): OpenResult;
  /**
   * Makes the HTTP body of a reply. `json` is the text of a JSON value; on version 2 of an object. A nonce is given only to repeat known answers.
   */
  sealReply(channel: Channel, status: InnerStatus, json: string, nonce?: Uint8Array): Buffer;
}

export const refused = (reason: OpenRefusal): OpenResult => ({ kind: 'refused', reason });
export const unusable = (channel: Channel, reason: PayloadRefusal): OpenResult => ({
  kind: 'unusable',
  channel,
  reason,
});

/** Reads the body of a request; an empty one is none. */
export function readRequestBody(source: Buffer | string | undefined): RequestBody {
  if (source === undefined || source.length === 0) return { kind: 'missing' };
  const value = parseJson(source);
  return value === undefined ? { kind: 'not-json' } : { kind: 'json', value };
}

/**
 * The JSON text of a legacy command's result. The spaces are the original server's, so that replies can be compared with its
 * replies byte for byte.
 */
export function resultJson(code: 0 | 1, message: string): string {
  return `{"code": ${code}, "message": ${JSON.stringify(message)}}`;
}
