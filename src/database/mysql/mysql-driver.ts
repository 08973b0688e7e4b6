import type * as MySql from 'mysql2';
import { type Pool, type PoolConnection, type PoolOptions } from 'mysql2';
import { createRequire } from 'node:module';
import { ConnectionGenerations } from './connection-generations.js';
import { type Taken, withinLimit } from './pool-limit.js';
import { setSessionMode } from './session-mode.js';
import { writeStatement } from './statement.protocol.js';

/**
 * The driver as TypeORM gets it, for MariaDB and MySQL. Its statements mean the same whatever `sql_mode` the server has
 * ([0010](../../../docs/decisions/0010-parameters-in-every-sql-mode.md)), a connection is not handed out before it is set up,
 * and none is kept that leads to where the database was before a failover.
 */
export const mysqlDriver = {
  createPool(options: PoolOptions): Pool {
    // Loaded here, so that a server on SQLite starts without it.
    const mysql = createRequire(import.meta.url)('mysql2') as typeof MySql;
    const pool = mysql.createPool({ ...options, queryFormat: writeStatement });
    const take = withinLimit(pool);
    return Object.assign(pool, { getConnection: handOut(take, new ConnectionGenerations()) });
  },
};

/** Each connection is prepared once, before its first user has it. One that cannot be prepared is closed. */
function handOut(take: (taken: Taken) => void, generations: ConnectionGenerations): (taken: Taken) => void {
  const prepared = new WeakSet<PoolConnection>();

  async function prepare(connection: PoolConnection, taken: Taken): Promise<void> {
    try {
      generations.adopt(connection);
      await setSessionMode(connection);
      prepared.add(connection);
    } catch (error) {
      connection.destroy();
      taken(error as NodeJS.ErrnoException, connection);
      return;
    }
    taken(null, connection);
  }

  return function getConnection(taken: Taken): void {
    take((error, connection) => {
      if (error) taken(error, connection);
      else if (generations.isOutdated(connection)) {
        connection.destroy();
        getConnection(taken);
      } else if (prepared.has(connection)) taken(null, connection);
      else void prepare(connection, taken);
    });
  };
}
