import { z } from 'zod';

/** What a node and the proxy in front of it can be told from outside. */
export const NODE_ORDERS = ['stop', 'start', 'restart', 'freeze', 'thaw', 'cut', 'catch-up'] as const;
export const PROXY_MODES = ['pass', 'single-bytes', 'frozen', 'half-open', 'no-zeromq', 'refuse'] as const;

const provider = z.enum(['apns', 'fcm', 'huawei', 'webpush']);
const token = z.string().min(1);
const count = z.number().int().positive();
const milliseconds = z.number().int().nonnegative();
const delayMs = milliseconds.optional();
const accepted = z.boolean().optional();

const answer = z.strictObject({
  status: z.number().int().min(200).max(599),
  headers: z.record(z.string(), z.string()).optional(),
  body: z.string().optional(),
});

const fault = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('delay'), delayMs: milliseconds }),
  z.strictObject({ kind: z.literal('answer'), answer, delayMs }),
  z.strictObject({ kind: z.literal('stall'), accepted, delayMs }),
  z.strictObject({
    kind: z.literal('reset'),
    code: z.enum(['REFUSED_STREAM', 'INTERNAL_ERROR', 'CANCEL']),
    accepted,
    delayMs,
  }),
  z.strictObject({ kind: z.literal('destroy'), accepted, delayMs }),
  z.strictObject({
    kind: z.literal('goaway'),
    unprocessed: z.boolean().optional(),
    reason: z.string().optional(),
    delayMs,
  }),
]);

export const storeSchema = z.strictObject({
  account: z.string().regex(/^[0-9a-f]{66}$/i, '66 hexadecimal digits, please'),
  namespace: z.number().int().min(-32_768).max(32_767).default(0),
  /** Base64. */
  data: z.base64(),
  ttlMs: count.optional(),
  /** UTC epoch milliseconds; now unless it is given. */
  timestamp: count.optional(),
});

export const nodesSchema = z.strictObject({
  do: z.enum([...NODE_ORDERS, ...PROXY_MODES]),
  /** X25519, hexadecimal; left out = every node. */
  key: z.string().optional(),
});

export const faultSchema = z.strictObject({
  provider,
  fault,
  /** Requests for this token only, `next` of them or all. */
  token: token.optional(),
  /** The next so many requests; left out = every request until the faults are cleared. */
  next: count.optional(),
});

const details = { token, retryAfterSeconds: count.optional() };

export const markSchema = z.discriminatedUnion('provider', [
  z.strictObject({
    provider: z.literal('apns'),
    state: z.enum(['dead', 'throttled', 'other-environment', 'other-topic']),
    ...details,
  }),
  z.strictObject({
    provider: z.literal('fcm'),
    state: z.enum(['dead', 'throttled', 'malformed', 'other-sender']),
    ...details,
  }),
  z.strictObject({ provider: z.literal('huawei'), state: z.enum(['dead', 'throttled', 'no-right']), ...details }),
  z.strictObject({
    provider: z.literal('webpush'),
    state: z.enum(['gone', 'unknown', 'unheard', 'throttled']),
    ...details,
  }),
]);

export const endpointSchema = z.strictObject({ applicationServerKey: z.base64url().length(87) });

export const unmarkSchema = z.strictObject({ provider, token });
export const clearSchema = z.strictObject({ provider });
export const blockSchema = z.strictObject({});
