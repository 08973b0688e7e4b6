import { resolve } from 'node:path';
import { type AppConfig } from '../../config/app-config.js';
import { HOUR_MS } from '../../config/durations.js';
import { type Check } from './check.js';

/** Whether anybody makes copies of the database; where they are, the operator has to see to a second place. */
export function checkBackup({ database, backup }: AppConfig): Check {
  const name = 'backup';
  if (database.kind === 'mysql')
    return {
      name,
      status: 'off',
      detail: 'make copies with the tools of the database server; this command cannot see them',
    };
  if (backup === null) return { name, status: 'off', detail: 'set BACKUP_INTERVAL_HOURS to have copies made' };
  const { intervalMs, keep, directory } = backup;
  return {
    name,
    status: 'ok',
    detail: `every ${intervalMs / HOUR_MS} hours into ${resolve(directory)}, of which ${keep} are kept`,
  };
}
