import { randomBytes, randomUUID } from 'node:crypto';
import { Gateway, type GatewayOptions, type Routed, type Verdict } from './gateway.js';
import { type Answer, type GatewayRequest } from './messages.js';
import { WebPushPhone, type WebPushSubscription } from './webpush.phone.js';
import { badRequest, badSender, type WebPushBody, webPushError, type WebPushState } from './webpush.rules.js';

export type WebPushGatewayOptions = GatewayOptions<WebPushBody>;

/** A push server with the phones that listen at it. */
export class WebPushGateway extends Gateway<WebPushBody, WebPushState> {
  private readonly phones = new Map<string, { phone: WebPushPhone; serverKey: string }>();

  constructor(options: WebPushGatewayOptions) {
    super('Web Push', options, { requestClientCertificate: false, allowHttp1: true });
  }

  /**
   * A phone's app asks for an endpoint.
   *
   * @param serverKey the VAPID public key that alone may push to it, base64url
   */
  subscribe(serverKey: string, phone = new WebPushPhone()): WebPushSubscription {
    const endpoint = `${this.url}/push/${randomBytes(20).toString('base64url')}`;
    this.phones.set(endpoint, { phone, serverKey });
    return phone.subscription(endpoint);
  }

  protected override route(request: GatewayRequest): Routed<WebPushBody> {
    const endpoint = `${this.url}${request.path}`;
    return { faults: this.faults, tokens: [endpoint], process: () => this.judge(request, endpoint) };
  }

  protected override complete(answer: Answer): Answer {
    return answer.status === 201
      ? { ...answer, headers: { ttl: '0', location: `${this.url}/m/${randomUUID()}` } }
      : answer;
  }

  private judge(request: GatewayRequest, endpoint: string): Verdict<WebPushBody> {
    const listening = this.phones.get(endpoint);
    const malformed = badRequest(request);
    if (malformed) return { answer: malformed };
    if (!listening) return { answer: webPushError(404, 'no such endpoint') };
    const refused = badSender(request, this.url, listening.serverKey, Date.now()) ?? this.stateAnswer(endpoint);
    if (refused) return { answer: refused };
    this.recorder.credentialsSeen.add(request.headers['authorization'] ?? '');
    const body = listening.phone.open(request.body);
    // A real server cannot tell; here it should be seen.
    if (!body) return { answer: webPushError(400, 'the phone cannot open it') };
    return { answer: { status: 201 }, taken: { tokens: [endpoint], body } };
  }

  private stateAnswer(endpoint: string): Answer | undefined {
    const found = this.tokenStates.get(endpoint);
    switch (found?.state) {
      case undefined:
        return undefined;
      case 'gone':
        return webPushError(410, 'endpoint is no more');
      case 'unknown':
        return webPushError(404, 'no such endpoint');
      case 'unheard':
        return webPushError(507, 'nobody has subscribed lately');
      case 'throttled':
        return webPushError(429, 'too many requests', found.retryAfterSeconds);
    }
  }
}

export async function startWebPushGateway(options: WebPushGatewayOptions): Promise<WebPushGateway> {
  const gateway = new WebPushGateway(options);
  await gateway.listen();
  return gateway;
}
