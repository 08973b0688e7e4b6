import { AccessTokens } from './access-tokens.js';
import { type GoogleServiceAccount } from './certificates.js';
import { FaultPlan } from './faults.js';
import { fcmError, fcmErrors, fcmSuccess, oauthError } from './fcm.answers.js';
import { badAssertion, badMessage, type FcmBody, type FcmTokenState, fcmTokensOf } from './fcm.rules.js';
import { Gateway, type GatewayOptions, type Routed, type Verdict } from './gateway.js';
import { bearerOf, decodeJwt } from './jwt.js';
import { type Answer, type GatewayRequest, jsonAnswer, bodyObject } from './messages.js';

const SEND_PATH = /^\/v1\/projects\/([^/?]+)\/messages:send$/;

export type FcmGatewayOptions = GatewayOptions<FcmBody>;

/** FCM HTTP v1 with the token endpoint of Google's authorization server, on one port. */
export class FcmGateway extends Gateway<FcmBody, FcmTokenState> {
  /** Faults of the token endpoint. */
  readonly oauthFaults = new FaultPlan();
  readonly accessTokens = new AccessTokens();
  private accounts = new Map<string, GoogleServiceAccount>();
  private lastMessageId = 0;

  constructor(options: FcmGatewayOptions) {
    super('FCM', options, { requestClientCertificate: false, allowHttp1: true });
    this.trustServiceAccount(options.credentials.serviceAccount);
  }

  /** For the `token_uri` of a service account. */
  get tokenUri(): string {
    return `${this.url}/token`;
  }

  /** A second account of the project, or a new key of the same one, which replaces the old key. */
  trustServiceAccount(account: GoogleServiceAccount): void {
    this.accounts.set(account.clientEmail, account);
  }

  /** Access tokens given out so far get 401 from now on. */
  revokeAccessTokens(): void {
    this.accessTokens.revokeAll();
  }

  override async reset(): Promise<void> {
    this.oauthFaults.clear();
    this.accessTokens.reset();
    this.accounts = new Map();
    this.trustServiceAccount(this.credentials.serviceAccount);
    await super.reset();
  }

  protected override route(request: GatewayRequest): Routed<FcmBody> {
    if (request.path === '/token') {
      return { faults: this.oauthFaults, tokens: [], process: () => ({ answer: this.grant(request) }) };
    }
    return { faults: this.faults, tokens: fcmTokensOf(request), process: () => this.send(request) };
  }

  private grant(request: GatewayRequest): Answer {
    if (request.method !== 'POST') return fcmError(404, 'NOT_FOUND', 'Not found');
    const now = Date.now();
    const form = new URLSearchParams(request.body.toString());
    const assertion = form.get('assertion') ?? '';
    const account = this.accounts.get(String(decodeJwt(assertion)?.claims['iss']));
    if (!account) return oauthError('invalid_grant', 'Invalid grant: account not found');
    this.recorder.credentialsSeen.add(assertion);
    const refused = badAssertion(form, account, this.tokenUri, now);
    if (refused) return refused;
    const { accessToken, expiresIn } = this.accessTokens.issue(now);
    return jsonAnswer(200, { access_token: accessToken, expires_in: expiresIn, token_type: 'Bearer' });
  }

  private send(request: GatewayRequest): Verdict<FcmBody> {
    const { projectId } = this.credentials.serviceAccount;
    const path = SEND_PATH.exec(request.path);
    if (!path || request.method !== 'POST')
      return { answer: { status: 404, headers: { 'content-type': 'text/html' } } };
    const bearer = bearerOf(request.headers['authorization']);
    if (this.accessTokens.check(bearer, Date.now()) !== 'good') return { answer: fcmErrors.unauthenticated() };
    if (path[1] !== projectId) return { answer: fcmErrors.projectNotFound() };
    const refused = badMessage(request, (token) => this.tokenStates.get(token));
    if (refused) return { answer: refused };
    const answer = fcmSuccess(projectId, `0:${Date.now()}%${++this.lastMessageId}`);
    return { answer, taken: { tokens: fcmTokensOf(request), body: bodyObject(request) as FcmBody } };
  }
}

export async function startFcmGateway(options: FcmGatewayOptions): Promise<FcmGateway> {
  const gateway = new FcmGateway(options);
  await gateway.listen();
  return gateway;
}
