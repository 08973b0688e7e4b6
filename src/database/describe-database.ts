import { resolve } from 'node:path';
import { type DatabaseConfig } from '../config/app-config.js';
import { withoutCredentials } from '../common/start/without-credentials.js';

/** Which database it is, for the operator: a whole path, or a server without user and password. */
export function describeDatabase(database: DatabaseConfig): string {
  return database.kind === 'sqlite' ? `sqlite:${resolve(database.path)}` : withoutCredentials(database.url);
}
