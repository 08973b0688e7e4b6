import type { TestProject } from 'vitest/node';
import { findMariaDb, startMariaDb } from './private-mariadb.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** `mysql://user:password@host:port` without a database; null = no MariaDB here, its tests are skipped. */
    mysqlUrl: string | null;
  }
}

const HOW_TO_GET_IT = 'install mariadb-server (on Debian: apt-get install mariadb-server)';

/** Gives the whole run one MariaDB: the server named by TEST_MYSQL_URL, or a private one that ends with the run. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const given = process.env.TEST_MYSQL_URL;
  if (given) {
    project.provide('mysqlUrl', given);
    return undefined;
  }
  const server = findMariaDb();
  if (!server) {
    if (process.env.REQUIRE_MARIADB === '1') {
      throw new Error(`REQUIRE_MARIADB=1 is set and there is no MariaDB: ${HOW_TO_GET_IT}.`);
    }
    console.warn(`MariaDB is not installed, its half of the tests is skipped; to run it, ${HOW_TO_GET_IT}.`);
    project.provide('mysqlUrl', null);
    return undefined;
  }
  const running = await startMariaDb(server);
  project.provide('mysqlUrl', running.url);
  return () => running.stop();
}
