import { AccessTokens } from './access-tokens.js';
import { FaultPlan } from './faults.js';
import { Gateway, type GatewayOptions, type Routed, type Verdict } from './gateway.js';
import { huaweiAnswer } from './huawei.answers.js';
import { badGrant, type HuaweiBody, type HuaweiTokenState, huaweiTokensOf, judgeHuawei } from './huawei.rules.js';
import { bearerOf } from './jwt.js';
import { type Answer, type GatewayRequest, jsonAnswer, bodyObject } from './messages.js';

const OAUTH_PATH = /^\/oauth2\/v[23]\/token$/;
const SEND_PATH = /^\/v1\/([^/?]+)\/messages:send$/;

export type HuaweiGatewayOptions = GatewayOptions<HuaweiBody>;

/** HMS Push Kit with Huawei's authorization server, on one port. */
export class HuaweiGateway extends Gateway<HuaweiBody, HuaweiTokenState> {
  /** Faults of the token endpoint. */
  readonly oauthFaults = new FaultPlan();
  readonly accessTokens = new AccessTokens();
  /** Set it to see an operator change the secret. */
  appSecret: string;

  constructor(options: HuaweiGatewayOptions) {
    super('HMS', options, { requestClientCertificate: false, allowHttp1: true });
    this.appSecret = options.credentials.huaweiAppSecret;
  }

  /** Access tokens given out so far are refused from now on. */
  revokeAccessTokens(): void {
    this.accessTokens.revokeAll();
  }

  override async reset(): Promise<void> {
    this.oauthFaults.clear();
    this.accessTokens.reset();
    this.appSecret = this.credentials.huaweiAppSecret;
    await super.reset();
  }

  protected override route(request: GatewayRequest): Routed<HuaweiBody> {
    if (OAUTH_PATH.test(request.path)) {
      return { faults: this.oauthFaults, tokens: [], process: () => ({ answer: this.grant(request) }) };
    }
    return { faults: this.faults, tokens: huaweiTokensOf(request), process: () => this.send(request) };
  }

  private grant(request: GatewayRequest): Answer {
    if (request.method !== 'POST') return { status: 405 };
    const form = new URLSearchParams(request.body.toString());
    const refused = badGrant(form, this.credentials.huaweiAppId, this.appSecret);
    if (refused) return refused;
    const { accessToken, expiresIn } = this.accessTokens.issue(Date.now());
    return jsonAnswer(200, { access_token: accessToken, expires_in: expiresIn, token_type: 'Bearer' });
  }

  private send(request: GatewayRequest): Verdict<HuaweiBody> {
    const path = SEND_PATH.exec(request.path);
    if (!path || request.method !== 'POST') return { answer: { status: 404 } };
    const access = this.accessTokens.check(bearerOf(request.headers['authorization']), Date.now());
    if (access === 'expired') return { answer: huaweiAnswer('80200003') };
    // A token of one app used for another counts as a wrong token.
    if (access === 'unknown' || path[1] !== this.credentials.huaweiAppId) return { answer: huaweiAnswer('80200001') };
    const { answer, tokens } = judgeHuawei(request, (token) => this.tokenStates.get(token));
    if (tokens.length === 0) return { answer };
    return { answer, taken: { tokens, body: bodyObject(request) as HuaweiBody } };
  }
}

export async function startHuaweiGateway(options: HuaweiGatewayOptions): Promise<HuaweiGateway> {
  const gateway = new HuaweiGateway(options);
  await gateway.listen();
  return gateway;
}
