import { randomBytes } from 'node:crypto';
import { type WebPushSubscription } from '../../../gateways/webpush.phone.js';
import { newAndroidToken, newHuaweiToken, newIosToken } from '../people.js';
import { openPush } from '../opened-push.js';

export interface SubscribedPhone {
  readonly service: 'apns' | 'firebase' | 'huawei' | 'webpush';
  /** The endpoint of a phone without Google. */
  readonly token: string;
  /** What a phone without Google is subscribed with. */
  readonly serviceInfo?: WebPushSubscription;
  /** 32 bytes. */
  readonly encKey: Buffer;
}

/** In the body of every provider's push, Huawei's text within a text included, and alone in a row of the queue. */
const PAYLOAD = /(?:"enc_payload\\?":\\?"|^)([A-Za-z0-9+/]{100,}={0,2})(?:\\?"|$)/;

/** Phones that are pushed what the network reports, and can open it. */
export class SealedPhones {
  private readonly keys = new Map<string, Buffer>();

  /** A phone of each kind, and one without Google when there is an endpoint for it. */
  make(endpoint?: WebPushSubscription): SubscribedPhone[] {
    const tokens = { apns: newIosToken(), firebase: newAndroidToken(), huawei: newHuaweiToken() };
    const phones = (['apns', 'firebase', 'huawei'] as const).map((service) => {
      const token = tokens[service];
      return { service, token, encKey: this.newKey(token) };
    });
    return endpoint ? [...phones, this.makeWithoutGoogle(endpoint)] : phones;
  }

  makeWithoutGoogle(serviceInfo: WebPushSubscription): SubscribedPhone {
    const { endpoint: token } = serviceInfo;
    return { service: 'webpush', token, serviceInfo, encKey: this.newKey(token) };
  }

  /**
   * The message in a push or in a row of the queue, when it is sealed for one of these phones; otherwise the text itself.
   *
   * @param token of the phone that got it: it has to be sealed for this one
   */
  reveal(text: string, token?: string): string {
    const payload = PAYLOAD.exec(text)?.[1];
    if (payload === undefined) return text;
    for (const key of this.keysOf(token)) {
      try {
        return openPush(key, payload).data?.toString() ?? '';
      } catch {
        // Another phone's.
      }
    }
    return text;
  }

  private keysOf(token: string | undefined): Iterable<Buffer> {
    if (token === undefined) return this.keys.values();
    const key = this.keys.get(token);
    return key ? [key] : [];
  }

  private newKey(token: string): Buffer {
    const key = randomBytes(32);
    this.keys.set(token, key);
    return key;
  }
}
