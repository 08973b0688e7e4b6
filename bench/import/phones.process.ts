// Writes rows of its own into a database of the existing server, beside others that do the same.
import { V2Database } from '../../src/cli/v2/v2-database.js';
import { takeOrders } from '../child-orders.js';
import { makePhones } from './phones.js';

export interface PhonesOrder {
  readonly url: string;
  /** Of the first row; the others follow. */
  readonly firstId: number;
  readonly count: number;
}

takeOrders({}, async (order) => {
  const { url, firstId, count } = order as PhonesOrder;
  const database = await V2Database.open(url);
  try {
    const { columns, namespaces } = makePhones(count, Math.floor(Date.now() / 1000));
    await database.writing(() => database.add(firstId, columns, namespaces));
  } finally {
    await database.close();
  }
  return {};
});
