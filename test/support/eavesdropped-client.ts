import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { generateKeyPair } from '../../src/onion/protocol/key-agreement.js';
import { type JsonObject } from '../../src/encoding/json.js';
import { type OnionReply, type SealRequestOptions } from '../../src/onion/protocol/onion-client.js';
import { type HttpAnswer, OnionHttpClient, type OnionOptions } from './onion-http.js';

/** Where the requests come from: a loopback address that the server has no other reason to print. */
const CLIENT_ADDRESS = '127.83.84.85';
const FORWARDED_FOR = '203.0.113.77';

/** A client that remembers everything about people that it ever told the server. */
export class EavesdroppedClient extends OnionHttpClient {
  readonly told = new Set<string>([CLIENT_ADDRESS, FORWARDED_FOR]);

  override async send(endpoint: string, args: JsonObject | string, options: OnionOptions = {}): Promise<OnionReply> {
    const keyPair = generateKeyPair();
    this.remember(args);
    this.remember(keyPair.publicKey.toString('hex'));
    return super.send(endpoint, args, { ...options, keyPair });
  }

  override async ask(
    endpoint: string,
    body: SealRequestOptions['args'],
    options: OnionOptions = {},
  ): Promise<OnionReply<unknown>> {
    const keyPair = generateKeyPair();
    this.remember(body);
    this.remember(keyPair.publicKey.toString('hex'));
    return super.ask(endpoint, body, { ...options, keyPair });
  }

  override async post(path: string, body: Uint8Array, headers: Record<string, string> = {}): Promise<HttpAnswer> {
    const outgoing = request(`${this.url}${path}`, {
      method: 'POST',
      localAddress: CLIENT_ADDRESS,
      headers: { 'x-forwarded-for': FORWARDED_FOR, 'x-real-ip': FORWARDED_FOR, ...headers },
    });
    outgoing.end(body);
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    return {
      status: incoming.statusCode ?? 0,
      headers: new Headers(incoming.headers as Record<string, string>),
      body: await buffer(incoming),
    };
  }

  /** Every text in it that is long enough to be somebody's. */
  remember(value: unknown): void {
    if (typeof value === 'string' && value.length >= 12) this.told.add(value);
    if (typeof value === 'object' && value !== null) {
      for (const [key, inner] of Object.entries(value)) [key, inner].forEach((part) => this.remember(part));
    }
  }

  /** What of it is in the output, also when only its begin or its end is. */
  foundIn(output: string): string[] {
    const lower = output.toLowerCase();
    const pieces = (text: string) => (text.length > 24 ? [text.slice(0, 12), text.slice(-12)] : [text]);
    return [...this.told].filter((text) => pieces(text).some((piece) => lower.includes(piece.toLowerCase())));
  }
}
