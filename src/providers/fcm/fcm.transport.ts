import { type FcmConfig } from '../../config/app-config.js';
import { CredentialFile } from '../../common/start/credential-file.js';
import { jwtBearerForm, readServiceAccount, type ServiceAccount } from './fcm-credentials.js';
import { fcmBody, fcmContentFits, type FcmVerdict, readFcmAnswer } from './fcm.protocol.js';
import { Http2Channel } from '../http/http2-channel.js';
import { HttpsChannel } from '../http/https-channel.js';
import {
  OAuthTokenSource,
  type OAuthTokenSourceOptions,
  type TokenFailure,
  type TokenRefused,
} from '../http/oauth-token-source.js';
import { readTokenAnswer } from '../http/oauth.protocol.js';
import { hasContent, type PushContent, withoutContent } from '../push-content.js';
import { type DeliveryResult, type Push, PushTransport } from '../push-transport.js';
import { failureOfSend } from '../http/send-failure.js';
import { readAuthorities } from '../../common/start/trusted-authorities.js';
import { DIRECTLY, type Outgoing } from '../../outgoing/outgoing.js';

export interface FcmTransportOptions {
  requestTimeoutMs: number;
  connectTimeoutMs: number;
  /** How connections are made. */
  outgoing: Outgoing;
  /** Google closes a connection that is idle for about three minutes. */
  idlePingMs: number;
  token: Partial<OAuthTokenSourceOptions>;
}

const DEFAULTS: FcmTransportOptions = {
  requestTimeoutMs: 10_000,
  connectTimeoutMs: 10_000,
  outgoing: DIRECTLY,
  idlePingMs: 120_000,
  token: {},
};

/** Streams that Google allows on one connection. */
const MAX_STREAMS = 100;
/** Only tokens are fetched over HTTP/1.1, one at a time. */
const TOKEN_SOCKETS = 2;

/** An account, the authorities it is used with and its tokens; replaced as a whole. */
interface Session {
  account: ServiceAccount;
  authorities: string | undefined;
  tokenEndpoint: HttpsChannel;
  tokens: OAuthTokenSource;
}

/**
 * FCM HTTP v1, one request per device over one HTTP/2 connection. firebase-admin checks the service account;
 * docs/decisions/0002-own-http2-client.md says why it does not send.
 */
export class FcmTransport extends PushTransport {
  readonly provider = 'fcm';
  readonly maxTargets = 1;
  readonly maxInFlight = MAX_STREAMS;

  private readonly channel: Http2Channel;

  private constructor(
    private readonly config: FcmConfig,
    private readonly options: FcmTransportOptions,
    private session: Session,
  ) {
    super();
    this.channel = new Http2Channel({
      origin: new URL(config.url).origin,
      tls: () => ({ ca: this.session.authorities }),
      requestTimeoutMs: options.requestTimeoutMs,
      connectTimeoutMs: options.connectTimeoutMs,
      outgoing: options.outgoing,
      idlePingMs: options.idlePingMs,
      maxConcurrentStreams: MAX_STREAMS,
    });
  }

  /** Reads the credential; Google is asked when there is something to send. Rejects with a `CredentialError`. */
  static async open(config: FcmConfig, options: Partial<FcmTransportOptions> = {}): Promise<FcmTransport> {
    const complete = { ...DEFAULTS, ...options };
    return new FcmTransport(config, complete, await openSession(config, complete));
  }

  send(push: Push): Promise<DeliveryResult[]> {
    return Promise.all(push.targets.map(({ token }) => this.sendTo(token, push)));
  }

  /**
   * A new account is used only after Google gave it a token: a key that can be read may still be deleted or another
   * account's. When Google cannot be asked at the moment, it is taken as it is.
   */
  async reloadCredentials(): Promise<void> {
    const next = await openSession(this.config, this.options);
    const proof = await next.tokens.token();
    if (proof.kind === 'failed' && proof.cause === 'credential') {
      await next.tokenEndpoint.close();
      throw new CredentialFile('FCM_SERVICE_ACCOUNT_FILE', this.config.serviceAccountFile).error(
        `is refused by its token_uri (${proof.reason})`,
      );
    }
    const former = this.session;
    this.session = next;
    if (former.authorities !== next.authorities) this.channel.renew();
    await former.tokenEndpoint.close();
  }

  credentialExpiresAt(): null {
    return null;
  }

  async close(): Promise<void> {
    await Promise.all([this.channel.close(), this.session.tokenEndpoint.close()]);
  }

  private async sendTo(token: string, push: Push): Promise<DeliveryResult> {
    const bare = withoutContent(push.content);
    const isWhole = hasContent(push.content) && fcmContentFits(push.content);
    const ttlMs = push.expiresAt - Date.now();
    const body = (content: PushContent) => fcmBody(token, content, push.urgency, ttlMs);
    try {
      const first = await this.exchange(body(isWhole ? push.content : bare));
      // FCM does not reliably tell "too big" from other mistakes; without content the phone wakes in most of them.
      const retried = first.kind === 'bad-argument' && isWhole;
      const verdict = retried ? await this.exchange(body(bare)) : first;
      return toResult(verdict, !isWhole || retried);
    } catch (error) {
      return failureOfSend(error);
    }
  }

  private exchange(body: string): Promise<FcmVerdict | TokenFailure> {
    const { account, tokens } = this.session;
    return tokens.withToken(async (token): Promise<FcmVerdict> => {
      const headers = {
        ':method': 'POST',
        ':path': `/v1/projects/${encodeURIComponent(account.projectId)}/messages:send`,
        authorization: `Bearer ${token}`,
        'content-type': 'application/json; charset=utf-8',
      };
      return readFcmAnswer(await this.channel.request(headers, body), Date.now());
    });
  }
}

async function openSession(config: FcmConfig, options: FcmTransportOptions): Promise<Session> {
  const account = await readServiceAccount(config.serviceAccountFile);
  const authorities = readAuthorities(config.caFile, 'FCM_CA_FILE');
  const { connectTimeoutMs, requestTimeoutMs, outgoing } = options;
  const tokenEndpoint = new HttpsChannel({
    ca: authorities,
    maxSockets: TOKEN_SOCKETS,
    connectTimeoutMs,
    requestTimeoutMs,
    outgoing,
  });
  const tokens = new OAuthTokenSource(async () => {
    const now = Date.now();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return readTokenAnswer(await tokenEndpoint.post(account.tokenUri, headers, jwtBearerForm(account, now)), now);
  }, options.token);
  return { account, authorities, tokenEndpoint, tokens };
}

function toResult(verdict: FcmVerdict | TokenRefused | TokenFailure, contentLeftOut: boolean): DeliveryResult {
  switch (verdict.kind) {
    case 'result':
      return verdict.result.outcome === 'delivered' ? { ...verdict.result, contentLeftOut } : verdict.result;
    case 'bad-argument':
      return { outcome: 'refused', reason: verdict.reason };
    case 'token-refused':
      return { outcome: 'retry', cause: 'credential', reason: verdict.reason };
    case 'failed': {
      const { cause, reason, retryAfterMs } = verdict;
      return { outcome: 'retry', cause, reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
    }
  }
}
