import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { CredentialError } from './credential-error.js';

/**
 * Reads the PEM file of the only authorities to trust; undefined, which Node takes as its own list, without a file.
 *
 * @throws {CredentialError} when the file cannot be read or does not hold certificates. Node itself takes any text here
 * and then trusts nobody.
 */
export async function readAuthorities(file: string | null, variable: string): Promise<string | undefined> {
  if (file === null) return undefined;
  const pem = await readFile(file, 'utf8').catch(() => {
    throw new CredentialError(variable, 'cannot be read');
  });
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (certificates.length === 0 || !certificates.every(isCertificate)) {
    throw new CredentialError(variable, 'does not hold PEM certificates that can be read');
  }
  return pem;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
