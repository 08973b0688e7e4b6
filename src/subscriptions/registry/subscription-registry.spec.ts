import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { describeEachDatabase } from '../../../test/support/databases.js';
import { newAndroidToken, newIosToken } from '../../../test/support/people.js';
import { storedToken } from '../../../test/support/stored.js';
import { subscriptionsCommands } from '../../../test/support/subscribing.js';
import { newGroup, newSessionId, subscribeRequest } from '../../../test/support/subscribing-phone.js';
import { useTestDatabase } from '../../../test/support/test-data-source.js';
import { type DeadToken, TokenRegistries } from '../../delivery/token-registry.js';
import { SubscribedTokensService } from './subscribed-tokens.service.js';
import { SubscriptionRegistry } from './subscription-registry.js';
import { Subscription } from './subscription.entity.js';

describeEachDatabase('a dead token', (databases) => {
  const database = useTestDatabase(databases);
  const registries = () => {
    const all = new TokenRegistries();
    const tokens = new SubscribedTokensService(database.dataSource, database.writer);
    return { all, own: new SubscriptionRegistry(all, tokens) };
  };
  const stored = () => database.dataSource.getRepository(Subscription).find({ order: { service: 'ASC' } });
  const dead = (
    token: string,
    of: Pick<DeadToken, 'provider' | 'apnsEnvironment'>,
    registeredAt: number,
    calledDeadAt = Date.now(),
  ): DeadToken => ({
    ...{ token: storedToken(token), registeredAt, ...of },
    ...{ reason: 'Unregistered', calledDeadAt },
  });

  it('ends the subscriptions of its service alone', async () => {
    const token = newIosToken();
    await subscriptionsCommands(database).subscribe(
      ['apns', 'apns-sandbox', 'huawei'].map((service) => subscribeRequest(newSessionId(), { service, token })),
    );
    const { registeredAt = 0 } = (await stored())[0] ?? {};
    const sandbox = dead(token, { provider: 'apns', apnsEnvironment: 'sandbox' }, registeredAt);
    expect(await registries().all.removeUnchanged([sandbox])).toEqual([]);
    expect((await stored()).map(({ service }) => service)).toEqual(['apns', 'huawei']);
  });

  it('is said to stay when its phone subscribed again since', async () => {
    const token = newAndroidToken();
    const request = subscribeRequest(newGroup(), { token });
    await subscriptionsCommands(database).subscribe(request);
    const { registeredAt = 0 } = (await stored())[0] ?? {};
    await subscriptionsCommands(database).subscribe(request);
    const called = dead(token, { provider: 'fcm', apnsEnvironment: null }, registeredAt, registeredAt);
    expect(await registries().all.removeUnchanged([called])).toEqual([called]);
    expect(await stored()).toHaveLength(1);
  });

  it('ends also what was made with it after the subscription that the push was for', async () => {
    const token = newAndroidToken();
    await subscriptionsCommands(database).subscribe(subscribeRequest(newSessionId(), { token }));
    const { registeredAt = 0 } = (await stored())[0] ?? {};
    await sleep(5);
    await subscriptionsCommands(database).subscribe(subscribeRequest(newSessionId(), { token }));
    const called = dead(token, { provider: 'fcm', apnsEnvironment: null }, registeredAt);
    expect(await registries().all.removeUnchanged([called])).toEqual([]);
    expect(await stored()).toEqual([]);
  });

  it('of no subscription is nothing', async () => {
    const called = dead(newAndroidToken(), { provider: 'fcm', apnsEnvironment: null }, 1);
    const ofBothEnvironments = dead(newIosToken(), { provider: 'apns', apnsEnvironment: null }, 1);
    expect(await registries().all.removeUnchanged([called, ofBothEnvironments])).toEqual([]);
  });
});
