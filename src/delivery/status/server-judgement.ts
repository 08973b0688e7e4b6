import { type ServerReport } from '../../providers/push-transport.js';

/** Of fewer, most may fail without a common reason. */
const FEW_SERVERS = 5;

/**
 * Whether most of the servers that devices chose fail, which is more likely a fault of our own connection; null = they do not.
 *
 * Anybody can subscribe with servers that do not exist. So those that accepted a push decide, as long as there are enough of
 * them; after a start, or with few phones, all do.
 */
export function mostServersFail(servers: ServerReport): { count: number; of: number } | null {
  const { known, failing, proven, provenFailing } = servers;
  const [count, of] = proven < FEW_SERVERS ? [failing, known] : [provenFailing, proven];
  return of >= FEW_SERVERS && count * 2 > of ? { count, of } : null;
}
