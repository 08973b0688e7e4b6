import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { type AlertHookConfig } from '../config/app-config.js';
import { DIRECTLY, type Outgoing } from '../outgoing/outgoing.js';
import { TunnelAgent } from '../outgoing/tunnel-agent.js';
import { formatOfHook, type HookFormat, type HookMessage, hookRequest } from './hook-message.protocol.js';

/** So much of an answer is shown to the operator. */
const SHOWN_CHARACTERS = 200;
const READ_BYTES = 4096;

/** A message waits for 10 s. */
const TUNNEL_MS = 8000;

/** What a hook answered: a status with the beginning of its body, or why there is no answer. */
export type HookAnswer =
  | { readonly kind: 'answer'; readonly status: number; readonly text: string }
  /** `reason` never quotes the address, which is a secret with most hooks. */
  | { readonly kind: 'none'; readonly reason: string };

/** The operator's web hook. */
export class Hook {
  readonly format: HookFormat;

  private readonly agent: TunnelAgent;

  constructor(
    private readonly config: AlertHookConfig,
    outgoing: Outgoing = DIRECTLY,
  ) {
    this.agent = new TunnelAgent({ outgoing, tunnelTimeoutMs: TUNNEL_MS, minVersion: 'TLSv1.2' });
    this.format = config.format === 'auto' ? formatOfHook(config.url) : config.format;
  }

  /** Posts once, follows no redirection, and never rejects. */
  post(message: HookMessage, signal: AbortSignal): Promise<HookAnswer> {
    const { headers, body } = hookRequest(this.format, message);
    const options = { method: 'POST', headers: { ...headers, 'content-length': Buffer.byteLength(body) }, signal };
    return new Promise((resolve) => {
      const fail = (error: unknown): void =>
        resolve({ kind: 'none', reason: signal.aborted ? 'no answer in time' : nameOf(error) });
      const { url } = this.config;
      const outgoing = url.startsWith('https:')
        ? requestHttps(url, { ...options, agent: this.agent, rejectUnauthorized: true })
        : requestHttp(url, { ...options, agent: false });
      outgoing.on('error', fail);
      outgoing.on('response', (response) => {
        void beginningOf(response).then((text) => resolve({ kind: 'answer', status: response.statusCode ?? 0, text }));
      });
      outgoing.end(body);
    });
  }
}

export const isTaken = (answer: HookAnswer): boolean =>
  answer.kind === 'answer' && answer.status >= 200 && answer.status < 300;

/** Once there is a status it counts, whatever becomes of the body. */
function beginningOf(response: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > READ_BYTES) response.destroy();
    });
    response.on('error', () => undefined);
    response.on('close', () => {
      const text = Buffer.concat(chunks)
        .toString()
        .replaceAll(/[\p{C}\s]+/gu, ' ')
        .trim();
      resolve(text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text);
    });
  });
}

/** The message would quote the address. */
function nameOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return error instanceof Error ? error.name : 'unknown error';
}
