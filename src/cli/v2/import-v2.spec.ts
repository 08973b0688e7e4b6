import { expect, it } from 'vitest';
import { describeOneDatabase } from '../../../test/support/databases.js';
import { newSessionId, subscribeRequest } from '../../../test/support/subscribing-phone.js';
import { useTestDatabase } from '../../../test/support/test-data-source.js';
import { v2Subscription } from '../../../test/support/v2-database.js';
import { NoSealing } from '../../sealing/sealing.js';
import { SubscriptionsService } from '../../subscriptions/subscriptions.service.js';
import { importV2 } from './import-v2.js';
import { type V2Row } from './v2-database.js';

function newRow(): V2Row {
  const { namespaces, signature_ts, ...columns } = v2Subscription(subscribeRequest(newSessionId()));
  return { ...columns, signature_ts: String(signature_ts), namespaces: namespaces.join(','), subkey_tag: null };
}

describeOneDatabase('the progress of an import', (databases) => {
  const database = useTestDatabase(databases);

  it('is told while it goes on, and adds up to all rows, those that are skipped too', async () => {
    const [kept, skipped] = [newRow(), newRow()];
    const page = (length: number): V2Row[] => Array.from({ length }, () => ({ ...skipped, account: newAccount() }));
    let made = 0;
    const newAccount = (): Buffer => Buffer.from(String(++made).padStart(33, '0'));
    async function* pages(): AsyncGenerator<readonly V2Row[]> {
      await Promise.resolve();
      for (const length of [2048, 2048, 903]) yield page(length).map((row) => ({ ...row, service: 'adm' }));
      yield [kept];
    }
    const told: number[] = [];
    const report = await importV2(pages(), {
      dryRun: false,
      transactionsAtOnce: 1,
      subscriptions: new SubscriptionsService(database.writer),
      sealing: new NoSealing(),
      problemsOf: (items) => Promise.resolve(items.map(() => null)),
      onRows: (rows) => told.push(rows),
    });
    expect(report).toMatchObject({ rows: 5000, imported: 1 });
    expect(told.reduce((sum, rows) => sum + rows, 0)).toBe(5000);
    expect(Math.max(...told)).toBe(2048);
  });
});
