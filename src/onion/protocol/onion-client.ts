import { decodeStringList, encodeStringList } from '../../encoding/bencode.js';
import { Channel } from './channel.js';
import { type EncType } from './ciphers.js';
import { isJsonObject, type JsonObject, parseJson, parseJsonObject } from '../../encoding/json.js';
import { generateKeyPair, type X25519KeyPair } from './key-agreement.js';
import { encodeOuterBody } from './outer-body.js';

export type OnionVersion = 'v2' | 'v4';

export const ONION_PATHS: Readonly<Record<OnionVersion, string>> = {
  v2: '/loki/v2/lsrpc',
  v4: '/oxen/v4/lsrpc',
};

export interface SealRequestOptions {
  readonly version: OnionVersion;
  /** 32 bytes. */
  readonly serverPublicKey: Buffer;
  /** As it goes on the wire. Apps write `/register` on version 4 and `register` on version 2; `register` serves both. */
  readonly endpoint: string;
  /** The arguments, or the raw text of the body. */
  readonly args: JsonObject | readonly JsonObject[] | string;
  /** Default: AES-GCM on version 2, which knows nothing else, and XChaCha20 on version 4, as libsession does. */
  readonly encType?: EncType;
  /** Default: a fresh one, as every app does for every request. */
  readonly keyPair?: X25519KeyPair;
  /** Further fields of the outer JSON; they win over those made here. */
  readonly outer?: JsonObject;
}

/** What is needed to open the reply. */
export interface ReplyContext {
  readonly version: OnionVersion;
  readonly channel: Channel;
}

export interface SealedRequest {
  readonly path: string;
  /** The HTTP body of a POST, whatever its content type says. */
  readonly body: Buffer;
  readonly context: ReplyContext;
}

export interface OnionReply<Body = JsonObject> {
  /** The inner status: 200, 400, 500 or 503. */
  readonly status: number;
  readonly body: Body;
}

/** The reply is not one that the strictest of the apps would accept. */
export class OnionReplyError extends Error {
  override readonly name = 'OnionReplyError';
}

/** Makes the HTTP request that a Session app's last service node sends. See docs/protocol.md. */
export function sealRequest(options: SealRequestOptions): SealedRequest {
  const { version, keyPair = generateKeyPair() } = options;
  const encType = options.encType ?? (version === 'v4' ? 'xchacha20' : 'aes-gcm');
  const channel = Channel.ofClient(keyPair, options.serverPublicKey, encType);
  if (!channel) throw new RangeError('The public key of the server is not usable');
  const body = encodeOuterBody(channel.seal(encodePayload(options)), {
    ephemeral_key: keyPair.publicKey.toString('hex'),
    ...(encType === 'aes-gcm' ? {} : { enc_type: encType }),
    ...options.outer,
  });
  return { path: ONION_PATHS[version], body, context: { version, channel } };
}

/**
 * Opens the HTTP body of a 200 answer.
 *
 * As strict as the strictest app is about each field: integer status, string header values, the literal content type on
 * version 4, an object for the body. Throws an {@link OnionReplyError} otherwise.
 */
export function openReply(context: ReplyContext, httpBody: Buffer): OnionReply {
  const { status, body } = openJsonReply(context, httpBody);
  if (!isJsonObject(body)) throw new OnionReplyError('The body of the reply is not an object');
  return { status, body };
}

/** As {@link openReply}, for commands that answer other JSON than an object. */
export function openJsonReply({ version, channel }: ReplyContext, httpBody: Buffer): OnionReply<unknown> {
  switch (version) {
    case 'v2':
      return openReplyV2(channel, httpBody);
    case 'v4':
      return openReplyV4(channel, httpBody);
  }
}

function encodePayload({ version, endpoint, args }: SealRequestOptions): Buffer {
  const body = typeof args === 'string' ? args : JSON.stringify(args);
  const metadata = { endpoint, method: 'POST', headers: { 'Content-Type': 'application/json' } };
  return version === 'v4'
    ? encodeStringList(JSON.stringify(metadata), body)
    : Buffer.from(JSON.stringify({ ...metadata, body }));
}

function openReplyV2(channel: Channel, httpBody: Buffer): OnionReply<unknown> {
  const result = parseJsonObject(httpBody)?.['result'];
  if (typeof result !== 'string') throw new OnionReplyError('The HTTP body has no result');
  const reply = parseJsonObject(unseal(channel, Buffer.from(result, 'base64')));
  return checked(reply?.['status'], reply?.['body']);
}

function openReplyV4(channel: Channel, httpBody: Buffer): OnionReply<unknown> {
  const parts = decodeStringList(unseal(channel, httpBody));
  if (!parts?.[1]) throw new OnionReplyError('The reply is not a list of two strings');
  const metadata = parseJsonObject(parts[0]);
  const headers = metadata?.['headers'];
  if (!isJsonObject(headers) || !Object.values(headers).every((value) => typeof value === 'string'))
    throw new OnionReplyError('The reply has no headers or some that are not strings');
  if (headers['content-type'] !== 'application/json') throw new OnionReplyError('The reply is not marked as JSON');
  return checked(metadata?.['code'], parseJson(parts[1]));
}

function unseal(channel: Channel, sealed: Buffer): Buffer {
  const plaintext = channel.open(sealed);
  if (!plaintext) throw new OnionReplyError('The reply cannot be decrypted');
  return plaintext;
}

function checked(status: unknown, body: unknown): OnionReply<unknown> {
  if (typeof status !== 'number' || !Number.isInteger(status) || body === undefined)
    throw new OnionReplyError('The reply has no integer status or no JSON as its body');
  return { status, body };
}
