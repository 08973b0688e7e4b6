import { X509Certificate } from 'node:crypto';
import { CredentialFile } from './credential-file.js';

/**
 * Reads a CA bundle (PEM file), after which no other CA is trusted; undefined without a file, and Node takes its own list.
 *
 * @throws {CredentialError} when the file cannot be read or does not hold certificates. Node itself takes any text here
 * and then trusts nobody.
 */
export function readAuthorities(path: string | null, variable: string): string | undefined {
  if (path === null) return undefined;
  const file = new CredentialFile(variable, path);
  const pem = file.text();
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (certificates.length === 0 || !certificates.every(isCertificate)) {
    throw file.error('does not hold PEM certificates that can be read');
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
