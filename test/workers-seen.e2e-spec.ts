import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type HealthReport } from '../src/health/health.service.js';
import { describeOneDatabase } from './support/databases.js';
import { startGateways, type TestGateways } from './support/gateways.js';
import { Metrics, OPERATOR_AUTH } from './support/metrics.js';
import { newData, newId, newIosToken } from './support/people.js';
import { inFolder, spawnServer } from './support/spawned-server.js';
import { OPERATOR } from './support/test-server.js';

const PROCESSES = 3;
const PEOPLE = 20;

describeOneDatabase('what several processes show the operator', (databases) => {
  let gateways: TestGateways;
  beforeAll(async () => void (gateways = await startGateways()));
  afterAll(() => gateways.close());
  beforeEach(() => gateways.reset());

  it('is the same whichever of them is asked, and about all of them', async () => {
    await inFolder(async (folder) => {
      const operator = { STATISTICS_USERNAME: OPERATOR.username, STATISTICS_PASSWORD: OPERATOR.password };
      const env = { ...gateways.environment, ...operator, WORKERS: String(PROCESSES) };
      const { process, onion, start } = await spawnServer({ ...env, DATABASE_URL: await databases.create() }, folder);
      // A connection of its own each time, so that another process may get it.
      const ask = (path: string) =>
        fetch(`${start.address}${path}`, { headers: { authorization: OPERATOR_AUTH, connection: 'close' } });
      try {
        await Promise.all(
          Array.from({ length: PEOPLE }, async () => {
            const id = newId();
            await onion.send('register', { pubKey: id, token: newIosToken() });
            await onion.send('notify', { send_to: id, data: newData() });
          }),
        );
        await gateways.apns.waitForPush(PEOPLE);
        for (let times = 0; times < 3 * PROCESSES; times++) {
          const metrics = new Metrics(await (await ask('/metrics')).text());
          expect(metrics.value('session_push_onion_requests_total', { result: 'accepted' })).toBe(2 * PEOPLE);
          expect(metrics.value('session_push_commands_total', { command: 'notify', result: 'done' })).toBe(PEOPLE);
          expect(metrics.value('session_push_breaker_state', { provider: 'apns', state: 'closed' })).toBe(1);
          expect(metrics.value('session_push_queue_items')).not.toBeNull();
          const health = (await (await ask('/health/ready')).json()) as HealthReport;
          expect(health.status).toBe('ok');
          expect(Object.keys(health.providers)).toEqual(['apns', 'fcm', 'huawei', 'webpush']);
          expect(health.unconfigured).toEqual([]);
        }
      } finally {
        await process.stop();
      }
    });
  });
});
