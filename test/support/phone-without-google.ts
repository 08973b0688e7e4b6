import { randomBytes } from 'node:crypto';
import { type WebPushGateway } from '../../gateways/webpush.gateway.js';
import { type WebPushSubscription } from '../../gateways/webpush.phone.js';
import { type OpenedPush, openPush } from './opened-push.js';
import { type Wishes } from './subscribing-phone.js';

/** A phone that is woken through a push server of its owner's choice, and opens what arrives with keys that it alone has. */
export class PhoneWithoutGoogle {
  readonly info: WebPushSubscription;
  private readonly encKey = randomBytes(32);

  /** @param vapid what `/services` says */
  constructor(
    private readonly server: WebPushGateway,
    vapid: string,
  ) {
    this.info = server.subscribe(vapid);
  }

  /** For `subscribeRequest` and `unsubscribeRequest`. */
  get wishes(): Wishes {
    return { service: 'webpush', serviceInfo: this.info, encKey: this.encKey };
  }

  /** What woke it so far, opened as its app does: what the push server brought, then the message in it. */
  get opened(): OpenedPush[] {
    return this.server.received
      .filter(({ token }) => token === this.info.endpoint)
      .map(({ body }) => openPush(this.encKey, String(body['enc_payload'])));
  }

  get texts(): (string | undefined)[] {
    return this.opened.map(({ data }) => data?.toString());
  }
}
