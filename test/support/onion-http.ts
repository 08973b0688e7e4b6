import { Channel } from '../../src/onion/protocol/channel.js';
import { type JsonObject } from '../../src/encoding/json.js';
import { generateKeyPair } from '../../src/onion/protocol/key-agreement.js';
import {
  ONION_PATHS,
  type OnionReply,
  type OnionVersion,
  openJsonReply,
  openReply,
  type ReplyContext,
  sealRequest,
  type SealedRequest,
  type SealRequestOptions,
} from '../../src/onion/protocol/onion-client.js';
import { encodeOuterBody } from '../../src/onion/protocol/outer-body.js';

export interface HttpAnswer {
  status: number;
  headers: Headers;
  body: Buffer;
}

export type OnionOptions = Partial<Omit<SealRequestOptions, 'serverPublicKey' | 'endpoint' | 'args'>>;

/** A Session app and its last service node in one: seals a request, posts it and opens the reply. */
export class OnionHttpClient {
  readonly serverPublicKey: Buffer;

  constructor(
    readonly url: string,
    publicKeyHex: string,
  ) {
    this.serverPublicKey = Buffer.from(publicKeyHex, 'hex');
  }

  seal(endpoint: string, args: SealRequestOptions['args'], options: OnionOptions = {}): SealedRequest {
    return sealRequest({ version: 'v4', serverPublicKey: this.serverPublicKey, endpoint, args, ...options });
  }

  /** Throws when the HTTP status is not 200 or the reply is not one that the apps accept. */
  async send(endpoint: string, args: JsonObject | string, options: OnionOptions = {}): Promise<OnionReply> {
    const { context, body } = await this.exchange(this.seal(endpoint, args, options));
    return openReply(context, body);
  }

  /** As {@link send}, for commands that take an array or answer with any JSON. */
  async ask(
    endpoint: string,
    body: SealRequestOptions['args'],
    options: OnionOptions = {},
  ): Promise<OnionReply<unknown>> {
    const answer = await this.exchange(this.seal(endpoint, body, options));
    return openJsonReply(answer.context, answer.body);
  }

  /** Sends a payload that no app would make, sealed as it should be. */
  async sendPayload(version: OnionVersion, payload: Buffer): Promise<OnionReply> {
    const keyPair = generateKeyPair();
    const channel = Channel.ofClient(keyPair, this.serverPublicKey, 'aes-gcm');
    if (!channel) throw new Error('The public key of the server is not usable');
    const body = encodeOuterBody(channel.seal(payload), { ephemeral_key: keyPair.publicKey.toString('hex') });
    const answer = await this.exchange({ path: ONION_PATHS[version], body, context: { version, channel } });
    return openReply(answer.context, answer.body);
  }

  private async exchange({ path, body, context }: SealedRequest): Promise<{ context: ReplyContext; body: Buffer }> {
    const answer = await this.post(path, body);
    if (answer.status !== 200) throw new Error(`The request was answered with HTTP ${answer.status}`);
    return { context, body: answer.body };
  }

  /** Without a content type unless `headers` has one. */
  async post(path: string, body: RequestInit['body'], headers: Record<string, string> = {}): Promise<HttpAnswer> {
    const response = await fetch(`${this.url}${path}`, {
      method: 'POST',
      body,
      headers,
      ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
    });
    return {
      status: response.status,
      headers: response.headers,
      body: Buffer.from(await response.arrayBuffer()),
    };
  }
}
