import { type DataSource } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { describeEachDatabase } from '../../../test/support/databases.js';
import { useTestDatabase } from '../../../test/support/test-data-source.js';
import { requireRoomForStatements } from './packet-size.js';

describeEachDatabase('a database server as it is set up', (databases) => {
  const database = useTestDatabase(databases);

  it('takes what we send', async () => {
    await expect(requireRoomForStatements(database.dataSource)).resolves.toBeUndefined();
  });
});

describe('a database server that takes short statements only', () => {
  it('is refused with what to set', async () => {
    // The setting of a real one is for all who use it, other tests among them.
    const query = (): Promise<unknown> => Promise.resolve([{ bytes: '16384' }]);
    const dataSource = { options: { type: 'mariadb' }, query } as unknown as DataSource;
    await expect(requireRoomForStatements(dataSource)).rejects.toThrow(
      'The database server takes statements of 16384 bytes at the most. Set its max_allowed_packet to 1M or more',
    );
  });
});
