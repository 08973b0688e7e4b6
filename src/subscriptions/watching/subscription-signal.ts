import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { onMessage, sendToPrimary } from '../../cluster/bus.js';

/** Is called with accounts, in their stored form, whose subscriptions have just changed. */
export type ChangeListener = (accounts: readonly string[]) => void;

/**
 * Tells the process that watches the network which accounts' subscriptions have changed, so that nodes are told within a
 * second. What gets lost on the way is read with the next renewal.
 */
@Injectable()
export class SubscriptionSignal implements OnApplicationShutdown {
  protected listener: ChangeListener | null = null;
  private stopListening: () => void = () => undefined;

  changed(accounts: readonly string[]): void {
    if (accounts.length === 0) return;
    if (this.listener) this.listener(accounts);
    else sendToPrimary({ kind: 'subscribed', accounts });
  }

  /**
   * For the process that watches the network.
   *
   * @param _missed is called when changes may have gone by unheard
   */
  listen(listener: ChangeListener, _missed: () => void): void {
    this.listener = listener;
    this.stopListening = onMessage('subscribed', (message) => listener(message.accounts));
  }

  onApplicationShutdown(): void {
    this.stopListening();
  }
}
