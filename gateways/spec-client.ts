import { createPrivateKey, sign } from 'node:crypto';
import { once } from 'node:events';
import { type ClientHttp2Session, connect, constants, type SecureClientSessionOptions } from 'node:http2';
import { request as httpsRequest, type RequestOptions } from 'node:https';

export interface Reply {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  json: Record<string, unknown>;
}

/** A session of plain node:http2. Errors after the handshake show in the requests, so they need no listener here. */
export async function openSession(url: string, options: SecureClientSessionOptions): Promise<ClientHttp2Session> {
  const session = connect(url, options);
  await once(session, 'connect');
  session.on('error', () => {});
  return session;
}

/** Rejects with the name of the reset code (`REFUSED_STREAM`), or with the connection's error. */
export function post(
  session: ClientHttp2Session,
  path: string,
  headers: Record<string, string | string[]>,
  body: string | Buffer = '',
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': 'POST', ':path': path, ...headers });
    let reply: Pick<Reply, 'status' | 'headers'> | null = null;
    const chunks: Buffer[] = [];
    stream.on('response', (received) => (reply = { status: Number(received[':status']), headers: { ...received } }));
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', () => {});
    stream.on('close', () => {
      if (reply) resolve({ ...reply, ...parsed(Buffer.concat(chunks).toString()) });
      else reject(new Error(resetName(stream.rstCode ?? 0)));
    });
    stream.end(body);
  });
}

export function postHttp1(
  url: string,
  options: RequestOptions & { headers?: Record<string, string> },
  body: string | Buffer,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(url, { method: 'POST', ...options }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          ...parsed(Buffer.concat(chunks).toString()),
        }),
      );
    });
    request.on('error', reject);
    request.end(body);
  });
}

export function signJwt(
  algorithm: 'ES256' | 'RS256',
  privateKey: string,
  header: Record<string, unknown>,
  claims: Record<string, unknown>,
): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ alg: algorithm, ...header })}.${part(claims)}`;
  const key = { key: createPrivateKey(privateKey), dsaEncoding: 'ieee-p1363' as const };
  return `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`;
}

export const nowSeconds = (): number => Math.floor(Date.now() / 1000);

function parsed(text: string): Pick<Reply, 'text' | 'json'> {
  try {
    return { text, json: JSON.parse(text) as Record<string, unknown> };
  } catch {
    return { text, json: {} };
  }
}

function resetName(code: number): string {
  const names = ['NO_ERROR', 'INTERNAL_ERROR', 'REFUSED_STREAM', 'CANCEL'] as const;
  return names.find((name) => constants[`NGHTTP2_${name}`] === code) ?? `reset code ${code}`;
}
