/** Who is on the other end of a connection. */
export interface Connection {
  readonly id: number;
  readonly protocol: 'h2' | 'http/1.1';
  /** null = none was sent. */
  readonly clientCertificate: ClientCertificate | null;
}

export interface ClientCertificate {
  /** Issued by the gateway's authority and in its validity. */
  readonly trusted: boolean;
  /** The subject's UID. */
  readonly topic: string | null;
}

export interface GatewayRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** Lower-case names. Of a repeated header, the values joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
  readonly repeatedHeaders: readonly string[];
  readonly body: Buffer;
  readonly connection: Connection;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The provider's code inside the body, for the records only. */
  readonly reason?: string;
}

export function jsonAnswer(status: number, body: unknown, reason?: string, headers?: Answer['headers']): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(body),
    reason,
  };
}

export function retryAfterHeader(seconds: number | undefined): Record<string, string> {
  return seconds === undefined ? {} : { 'retry-after': String(seconds) };
}

/** The object that JSON text or bytes hold; null = not JSON, or not an object. */
export function parseObject(json: Buffer | string): Record<string, unknown> | null {
  try {
    return asObject(JSON.parse(json.toString()));
  } catch {
    return null;
  }
}

const bodies = new WeakMap<Buffer, Record<string, unknown> | null>();

/** The JSON object of a request's body, parsed once; null = the body is something else. */
export function bodyObject({ body }: GatewayRequest): Record<string, unknown> | null {
  const known = bodies.get(body);
  if (known !== undefined) return known;
  const parsed = parseObject(body);
  bodies.set(body, parsed);
  return parsed;
}

export function asObject(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
}
