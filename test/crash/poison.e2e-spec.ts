import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AlertHook } from '../support/alert-hook.js';
import { startGateways, type TestGateways } from '../support/gateways.js';
import { newAndroidToken, newData, newId } from '../support/people.js';
import { query } from '../support/query.js';
import { inFolder, type SpawnedServer, spawnServer } from '../support/spawned-server.js';

interface Phone {
  readonly id: string;
  readonly token: string;
}

const newPhone = (): Phone => ({ id: newId(), token: newAndroidToken() });
const PATIENCE = { timeout: 60_000, interval: 50 };

describe('a notification that ends the process that works on it', () => {
  let gateways: TestGateways;
  let hook: AlertHook;
  /** Tokens of the pushes that reached FCM, also those that are never answered. */
  const pushed: string[] = [];
  beforeAll(async () => {
    gateways = await startGateways(undefined, (_provider, { token }) => pushed.push(token));
    hook = await AlertHook.start();
  });
  afterAll(async () => {
    await hook.close();
    await gateways.close();
  });

  const register = async ({ onion }: SpawnedServer, ...phones: Phone[]) => {
    for (const { id, token } of phones) await onion.send('register', { pubKey: id, token, device: 'android' });
  };
  const notify = ({ onion }: SpawnedServer, { id }: Phone) => onion.send('notify', { send_to: id, data: newData() });
  const arrivals = ({ token }: Phone) => pushed.filter((one) => one === token).length;
  const dies = (server: SpawnedServer) => server.process.stop('SIGKILL');

  it('ends three, and is set aside by the fourth with an alert; the others arrive', async () => {
    const [poison, beside, later] = [newPhone(), newPhone(), newPhone()];
    gateways.fcm.faults.forToken(poison.token, { kind: 'stall', accepted: true });
    gateways.fcm.faults.forToken(beside.token, { kind: 'stall', accepted: true }, 1);
    await inFolder(async (folder) => {
      const database = `sqlite:${join(folder, 'poison.sqlite')}`;
      const env = { ...gateways.environment, DATABASE_URL: database, ALERT_WEBHOOK_URL: hook.url };
      const start = () => spawnServer(env, folder);

      let server = await start();
      await register(server, poison, beside, later);
      // Both are in hand at the first death, and one of them is to blame.
      await Promise.all([notify(server, beside), notify(server, poison)]);
      await expect.poll(() => [arrivals(poison), arrivals(beside)], PATIENCE).toEqual([1, 1]);
      await dies(server);

      for (const deaths of [2, 3]) {
        server = await start();
        await expect.poll(() => arrivals(poison), PATIENCE).toBe(deaths);
        expect(hook.requests).toEqual([]);
        await dies(server);
      }

      server = await start();
      await notify(server, later);
      await expect.poll(() => arrivals(later), PATIENCE).toBe(1);
      await expect
        .poll(() => hook.requests.map(({ text }) => text), PATIENCE)
        .toEqual([expect.stringContaining('The server died three times while it worked on 1 of its notifications')]);
      // An item that two processes died with is worked on ten seconds after the start; one that three died with is not.
      await new Promise((resolve) => setTimeout(resolve, 12_000));
      await expect
        .poll(() => query(database, 'SELECT lane, deaths FROM queued_notifications'), PATIENCE)
        .toEqual([{ lane: 'aside', deaths: 3 }]);
      expect([arrivals(poison), arrivals(later)]).toEqual([3, 1]);
      // Again after the first death, and once more when the next one came before it was settled.
      expect(arrivals(beside)).toBeGreaterThan(1);
      expect((await server.process.stop()).code).toBe(0);
    });
  }, 240_000);
});
