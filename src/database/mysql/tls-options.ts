import { isIP } from 'node:net';
import { type SslOptions } from 'mysql2';
import { readAuthorities } from '../../common/start/trusted-authorities.js';
import { type DatabaseTls } from '../../config/database-url.js';

/**
 * With any of these the driver sends nothing to a server that offers no TLS.
 *
 * @param caFile CA bundle (PEM file), nothing else is trusted; alone, it asks for TLS with all that can be looked at
 */
export function tlsOptions(tls: DatabaseTls | null, caFile: string | null, host: string): { ssl?: SslOptions } {
  const ca = caFile === null ? {} : { ca: readAuthorities(caFile, 'DATABASE_CA_FILE') };
  // The driver compares names only, no addresses.
  const all = isIP(host) === 0 ? 'verify-identity' : 'verify-ca';
  switch (tls ?? (caFile === null ? 'off' : all)) {
    case 'off':
      return {};
    case 'required':
      // As the database's own client: an authority that is given counts.
      return { ssl: { ...ca, rejectUnauthorized: caFile !== null } };
    case 'verify-ca':
      return { ssl: { ...ca, rejectUnauthorized: true } };
    case 'verify-identity':
      return { ssl: { ...ca, rejectUnauthorized: true, verifyIdentity: true } };
  }
}
