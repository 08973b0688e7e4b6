import { randomUUID } from 'node:crypto';
import { apnsError } from './apns.answers.js';
import { ApnsAuthenticator, type ApnsSender, type TrustedKey } from './apns.auth.js';
import { type ApnsBody, type ApnsTokenState, apnsIdOf, apnsTokenOf, badRoute, judgeApns } from './apns.rules.js';
import { DEFAULT_TOPIC } from './certificates.js';
import { Gateway, type GatewayOptions, type Routed, type Verdict } from './gateway.js';
import { type Answer, type GatewayRequest, bodyObject } from './messages.js';

/** Apple, "Establishing a token-based connection to APNs": "no more than once every 20 minutes". */
const TOKEN_UPDATE_INTERVAL_MS = 20 * 60_000;

export interface ApnsGatewayOptions extends GatewayOptions<ApnsBody> {
  /** Topics of the team's apps. */
  readonly topics?: readonly string[];
  /** Answers 429 TooManyProviderTokenUpdates to a second new token of a key within 20 minutes. */
  readonly limitTokenUpdates?: boolean;
}

/** APNs, one environment of it. */
export class ApnsGateway extends Gateway<ApnsBody, ApnsTokenState> {
  limitTokenUpdates: boolean;
  private authenticator = new ApnsAuthenticator();
  private readonly topics: ReadonlySet<string>;
  private readonly lastTokens = new Map<string, { jwt: string; since: number }>();

  constructor(private readonly apnsOptions: ApnsGatewayOptions) {
    super('APNs', apnsOptions, { requestClientCertificate: true, allowHttp1: false });
    this.topics = new Set(apnsOptions.topics ?? [DEFAULT_TOPIC]);
    this.limitTokenUpdates = apnsOptions.limitTokenUpdates ?? false;
    this.trustTokenKey(apnsOptions.credentials.apnsTokenKey);
  }

  /** Takes JWTs of this key too, as after an operator made a new one. */
  trustTokenKey(key: TrustedKey): void {
    this.authenticator.trust(key);
  }

  revokeTokenKey(keyId: string): void {
    this.authenticator.revoke(keyId);
  }

  override async reset(): Promise<void> {
    this.lastTokens.clear();
    this.limitTokenUpdates = this.apnsOptions.limitTokenUpdates ?? false;
    this.authenticator = new ApnsAuthenticator();
    this.trustTokenKey(this.credentials.apnsTokenKey);
    await super.reset();
  }

  protected override route(request: GatewayRequest): Routed<ApnsBody> {
    const token = apnsTokenOf(request.path);
    return { faults: this.faults, tokens: token === null ? [] : [token], process: () => this.judge(request) };
  }

  protected override complete(answer: Answer, request: GatewayRequest): Answer {
    return { ...answer, headers: { 'apns-id': apnsIdOf(request) ?? randomUUID().toUpperCase(), ...answer.headers } };
  }

  private judge(request: GatewayRequest): Verdict<ApnsBody> {
    const now = Date.now();
    const wrongRoute = badRoute(request);
    if (wrongRoute) return { answer: wrongRoute };
    const sender = this.authenticator.authenticate(request, now);
    if ('status' in sender) return { answer: sender };
    if (this.updatesTooOften(sender, now)) return { answer: apnsError('TooManyProviderTokenUpdates') };
    const answer = judgeApns(request, sender, { topics: this.topics, stateOf: (token) => this.tokenStates.get(token) });
    const body = bodyObject(request);
    const token = apnsTokenOf(request.path);
    if (answer.status !== 200 || body === null || token === null) return { answer };
    return { answer, taken: { tokens: [token], body, apnsId: apnsIdOf(request) ?? undefined } };
  }

  private updatesTooOften(sender: ApnsSender, now: number): boolean {
    if (sender.kind !== 'token') return false;
    this.recorder.credentialsSeen.add(sender.jwt);
    const last = this.lastTokens.get(sender.keyId);
    if (last?.jwt === sender.jwt) return false;
    if (this.limitTokenUpdates && last && now - last.since < TOKEN_UPDATE_INTERVAL_MS) return true;
    this.lastTokens.set(sender.keyId, { jwt: sender.jwt, since: now });
    return false;
  }
}

export async function startApnsGateway(options: ApnsGatewayOptions): Promise<ApnsGateway> {
  const gateway = new ApnsGateway(options);
  await gateway.listen();
  return gateway;
}
