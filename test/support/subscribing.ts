import { type TestDatabase } from './test-data-source.js';
import { NoSealing, type Sealing } from '../../src/sealing/sealing.js';
import { PUSH_SERVICES } from '../../src/subscriptions/wire/push-service.js';
import { SubscriptionSignal } from '../../src/subscriptions/watching/subscription-signal.js';
import { SubscriptionsCommands } from '../../src/subscriptions/subscriptions.commands.js';
import { SubscriptionsService } from '../../src/subscriptions/subscriptions.service.js';

/** The commands on a test's database, with every service on. */
export function subscriptionsCommands(
  { writer }: TestDatabase,
  sealing: Sealing = new NoSealing(),
): SubscriptionsCommands {
  const signal = new SubscriptionSignal();
  const offer = { services: new Set(PUSH_SERVICES), vapidPublicKey: null, sendsTo: () => true };
  return new SubscriptionsCommands(new SubscriptionsService(writer), sealing, offer, signal);
}
