import { type HuaweiConfig } from '../../config/app-config.js';
import { type HttpsAnswer, HttpsChannel } from '../http/https-channel.js';
import { clientCredentialsForm, huaweiSecretError, readHuaweiSecret } from './huawei-credentials.js';
import {
  HUAWEI_MAX_TOKENS,
  huaweiBody,
  huaweiContentFits,
  type HuaweiMessage,
  type HuaweiVerdict,
  readHuaweiAnswer,
} from './huawei.protocol.js';
import { OAuthTokenSource, type OAuthTokenSourceOptions, type TokenFailure } from '../http/oauth-token-source.js';
import { readTokenAnswer } from '../http/oauth.protocol.js';
import { hasContent, withoutContent } from '../push-content.js';
import { type DeliveryResult, type Push, PushTransport } from '../push-transport.js';
import { failureOfSend } from '../http/send-failure.js';
import { readAuthorities } from '../../common/start/trusted-authorities.js';
import { DIRECTLY, type Outgoing } from '../../outgoing/outgoing.js';

export interface HuaweiTransportOptions {
  requestTimeoutMs: number;
  connectTimeoutMs: number;
  /** How connections are made. */
  outgoing: Outgoing;
  /** How long one push may go on to be split; what was not settled by then is tried again later. */
  splitTimeoutMs: number;
  token: Partial<OAuthTokenSourceOptions>;
}

const DEFAULTS: HuaweiTransportOptions = {
  requestTimeoutMs: 10_000,
  connectTimeoutMs: 10_000,
  outgoing: DIRECTLY,
  splitTimeoutMs: 30_000,
  token: {},
};

const MAX_IN_FLIGHT = 32;
/** Pushes that are being split; each has one request under way at a time. A list of made-up tokens is no more than that. */
const MAX_SPLITTING = 4;
/** Requests that one push is split into; what they do not settle is left alone for a while. */
const SPLIT_REQUESTS = 64;
/** Room for pushes that are split, so that they do not wait for the others. */
const MAX_SOCKETS = MAX_IN_FLIGHT + MAX_SPLITTING;

/** A secret, the authorities it is used with, connections and tokens; replaced as a whole. */
interface Session {
  channel: HttpsChannel;
  tokens: OAuthTokenSource;
}

type Split = Extract<HuaweiVerdict, { kind: 'split' }>;

/** One push on its way, as it changes with what HMS objects to. */
interface Draft {
  message: HuaweiMessage;
  /** On the clock of `performance.now()`. */
  splitUntil: number;
  /** It is being split, and may make so many further requests. */
  split?: { left: number };
}

/**
 * HMS Push Kit with app-level authentication: one request carries a push to up to 1,000 devices, and one that HMS will
 * not take as it is goes out again smaller, without content or less urgent.
 */
export class HuaweiTransport extends PushTransport {
  readonly provider = 'huawei';
  readonly maxTargets = HUAWEI_MAX_TOKENS;
  readonly maxInFlight = MAX_IN_FLIGHT;

  private readonly sendUrl: string;
  private splitting = 0;

  private constructor(
    private readonly config: HuaweiConfig,
    private readonly options: HuaweiTransportOptions,
    private session: Session,
  ) {
    super();
    this.sendUrl = new URL(`/v1/${encodeURIComponent(config.appId)}/messages:send`, config.pushUrl).href;
  }

  /** Reads the secret; Huawei is asked when there is something to send. Rejects with a `CredentialError`. */
  static async open(config: HuaweiConfig, options: Partial<HuaweiTransportOptions> = {}): Promise<HuaweiTransport> {
    const complete = { ...DEFAULTS, ...options };
    return new HuaweiTransport(config, complete, openSession(config, complete));
  }

  async send(push: Push): Promise<DeliveryResult[]> {
    const message: HuaweiMessage = {
      content: push.content,
      ttlMs: push.expiresAt - Date.now(),
      urgency: push.urgency === 'high' ? 'HIGH' : 'NORMAL',
    };
    const fits = huaweiContentFits(message);
    const draft: Draft = {
      message: fits ? message : { ...message, content: withoutContent(message.content) },
      splitUntil: performance.now() + this.options.splitTimeoutMs,
    };
    return this.deliver(
      draft,
      push.targets.map(({ token }) => token),
    );
  }

  /**
   * A new secret is used only after Huawei gave it a token: nothing in its form tells a mistyped one. When Huawei cannot
   * be asked at the moment, it is taken as it is.
   */
  async reloadCredentials(): Promise<void> {
    const next = openSession(this.config, this.options);
    const proof = await next.tokens.token();
    if (proof.kind === 'failed' && proof.cause === 'credential') {
      await next.channel.close();
      throw huaweiSecretError(this.config.appSecret, `is refused by Huawei's token endpoint (${proof.reason})`);
    }
    const former = this.session;
    this.session = next;
    await former.channel.close();
  }

  credentialExpiresAt(): null {
    return null;
  }

  async close(): Promise<void> {
    await this.session.channel.close();
  }

  /** One result per token, in order. Ends: each further round has less content, less urgency or fewer tokens. */
  private async deliver(draft: Draft, tokens: readonly string[]): Promise<DeliveryResult[]> {
    const verdict = await this.exchange(draft.message, tokens);
    const all = (result: DeliveryResult) => tokens.map(() => result);
    switch (verdict.kind) {
      case 'accepted':
        return tokens.map((token): DeliveryResult => {
          if (verdict.illegalTokens.has(token)) return { outcome: 'token-gone', reason: verdict.reason };
          if (!verdict.complete) return { outcome: 'retry', cause: 'outcome-unknown', reason: verdict.reason };
          return { outcome: 'delivered', contentLeftOut: !hasContent(draft.message.content) };
        });
      case 'result':
        return all(verdict.result);
      case 'token-refused':
        return all({ outcome: 'retry', cause: 'credential', reason: verdict.reason });
      case 'failed': {
        const { cause, reason, retryAfterMs } = verdict;
        return all({ outcome: 'retry', cause, reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
      }
      case 'too-large': {
        const { content } = draft.message;
        if (!hasContent(content)) return all({ outcome: 'refused', reason: verdict.reason });
        const message = { ...draft.message, content: withoutContent(content) };
        return this.deliver({ ...draft, message }, tokens);
      }
      case 'priority-refused': {
        const { message } = draft;
        if (message.urgency === 'NORMAL')
          return all({ outcome: 'retry', cause: 'configuration', reason: verdict.reason });
        return this.deliver({ ...draft, message: { ...message, urgency: 'NORMAL' } }, tokens);
      }
      case 'split':
        if (tokens.length < 2) return all({ outcome: 'refused', reason: verdict.reason });
        return draft.split ? this.deliverSplit(draft, tokens, verdict) : this.beginSplit(draft, tokens, verdict);
    }
  }

  /** With a share of its own: what has to be split does not hold up what goes out whole. */
  private async beginSplit(draft: Draft, tokens: readonly string[], verdict: Split): Promise<DeliveryResult[]> {
    if (this.splitting >= MAX_SPLITTING) return tokens.map(() => leftAlone(verdict.reason));
    this.splitting++;
    try {
      return await this.deliverSplit({ ...draft, split: { left: SPLIT_REQUESTS } }, tokens, verdict);
    } finally {
      this.splitting--;
    }
  }

  private async deliverSplit(
    draft: Draft,
    tokens: readonly string[],
    { into, reason }: Split,
  ): Promise<DeliveryResult[]> {
    const size = into === 'halves' ? Math.ceil(tokens.length / 2) : 1;
    const results: DeliveryResult[] = [];
    const budget = draft.split ?? { left: 0 };
    while (results.length < tokens.length && performance.now() < draft.splitUntil && budget.left > 0) {
      budget.left--;
      results.push(...(await this.deliver(draft, tokens.slice(results.length, results.length + size))));
    }
    return [...results, ...tokens.slice(results.length).map(() => leftAlone(reason))];
  }

  private async exchange(message: HuaweiMessage, tokens: readonly string[]): Promise<HuaweiVerdict | TokenFailure> {
    const session = this.session;
    const body = huaweiBody(message, tokens);
    try {
      return await session.tokens.withToken(async (accessToken): Promise<HuaweiVerdict> => {
        const headers = {
          authorization: `Bearer ${accessToken}`,
          'content-type': 'application/json;charset=utf-8',
        };
        return readHuaweiAnswer(await session.channel.post(this.sendUrl, headers, body), tokens.length, Date.now());
      });
    } catch (error) {
      return { kind: 'result', result: failureOfSend(error) };
    }
  }
}

/** Nothing is known about the device, and nothing is wrong with HMS. */
const leftAlone = (reason: string): DeliveryResult => ({ outcome: 'retry', cause: 'device-throttled', reason });

function openSession(config: HuaweiConfig, options: HuaweiTransportOptions): Session {
  const secret = readHuaweiSecret(config.appSecret);
  const ca = readAuthorities(config.caFile, 'HUAWEI_CA_FILE');
  const { connectTimeoutMs, requestTimeoutMs, outgoing } = options;
  const channel = new HttpsChannel({ ca, maxSockets: MAX_SOCKETS, connectTimeoutMs, requestTimeoutMs, outgoing });
  const tokenUrl = new URL('/oauth2/v3/token', config.authUrl).href;
  const tokens = new OAuthTokenSource(async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer: HttpsAnswer = await channel.post(tokenUrl, headers, clientCredentialsForm(config.appId, secret));
    return readTokenAnswer(answer, Date.now());
  }, options.token);
  return { channel, tokens };
}
