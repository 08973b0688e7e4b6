import { createHmac } from 'node:crypto';

/**
 * OxenMQ, the messages that run over ZeroMQ between a DEALER and a node's ROUTER: a first part that says what it is, or the
 * name of a command, and any number of parts. The library is github.com/session-foundation/liboxenmq.
 */
export type OxenmqMessage =
  /** The answer to HI. */
  | { readonly kind: 'hello' }
  | { readonly kind: 'reply'; readonly tag: string; readonly parts: Buffer[] }
  /** The request with this tag, or a command or request of this name, was not taken. */
  | { readonly kind: 'refused'; readonly code: RefusalCode; readonly tag: string | null; readonly name: string | null }
  | { readonly kind: 'command'; readonly name: string; readonly parts: Buffer[] }
  /** BYE, and what answers to something that we never send. */
  | { readonly kind: 'ignored' };

const REFUSAL_CODES = ['FORBIDDEN', 'FORBIDDEN_SN', 'NOT_A_SERVICE_NODE', 'NO_REPLY_TAG', 'UNKNOWNCOMMAND'] as const;
export type RefusalCode = (typeof REFUSAL_CODES)[number];

/** A node names itself with a byte fewer; nothing longer is a command. */
const MAX_NAME_BYTES = 251;
export const TAG_BYTES = 15;
const REPLY = 'REPLY';

export const HI: readonly Buffer[] = [Buffer.from('HI')];

/** `[name, ...parts]`: nothing comes back. */
export function encodeOxenmqCommand(name: string, parts: readonly Buffer[]): Buffer[] {
  return [Buffer.from(name), ...parts];
}

/**
 * `[name, tag, ...parts]`: `["REPLY", tag, ...]` may come back, or a refusal, or nothing.
 *
 * @param tag 15 random bytes; OxenMQ asserts that a tag is not empty
 */
export function encodeOxenmqRequest(name: string, tag: Uint8Array, parts: readonly Buffer[]): Buffer[] {
  return [Buffer.from(name), Buffer.from(tag), ...parts];
}

/**
 * Says what a node's message is. A refusal of a request is `[code, "REPLY", tag]`, of a command `[code, name]`, except for
 * UNKNOWNCOMMAND, which has only the name. Tags and names are latin1 text, one character for each byte. Null for what cannot
 * be a message: no name, or one that is too long.
 */
export function decodeOxenmq(parts: readonly Buffer[]): OxenmqMessage | null {
  const [first, second, third] = parts;
  if (!first || first.length === 0 || first.length > MAX_NAME_BYTES) return null;
  const name = first.toString('latin1');
  if (name === 'HELLO') return { kind: 'hello' };
  if (name === 'BYE' || name === 'HI') return { kind: 'ignored' };
  if (name === REPLY)
    return second ? { kind: 'reply', tag: second.toString('latin1'), parts: parts.slice(2) } : { kind: 'ignored' };
  const code = REFUSAL_CODES.find((known) => known === name);
  if (!code) return { kind: 'command', name, parts: parts.slice(1) };
  if (second?.toString('latin1') === REPLY && third)
    return { kind: 'refused', code, tag: third.toString('latin1'), name: null };
  return { kind: 'refused', code, tag: null, name: second?.toString('latin1') ?? null };
}

const ROUTING_ID_BYTES = 24;

/**
 * The name under which a node keeps us: `L` and 32 characters of base64url, the first 24 bytes of
 * HMAC-SHA256(our secret key, "routing" then the node's key).
 *
 * Whoever presents a routing id gets what is sent to it, so nobody must be able to guess it; and it is the same after a
 * restart, so that subscriptions outlive it and nodes do not gather dead ones.
 */
export function routingIdFor(secretKey: Uint8Array, nodeKey: Uint8Array): Buffer {
  const mac = createHmac('sha256', secretKey).update('routing').update(nodeKey).digest();
  return Buffer.from(`L${mac.subarray(0, ROUTING_ID_BYTES).toString('base64url')}`);
}
