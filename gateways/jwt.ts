import { createPublicKey, verify } from 'node:crypto';
import { parseObject } from './messages.js';

export interface Jwt {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly signedText: string;
  readonly signature: Buffer;
}

/** Takes a compact JWS (RFC 7515 §7.1) apart; null = it is not one. Says nothing about its signature. */
export function decodeJwt(text: string): Jwt | null {
  const [header, claims, signature, ...rest] = text.split('.');
  if (header === undefined || claims === undefined || signature === undefined || rest.length > 0) return null;
  const headerObject = parseObject(Buffer.from(header, 'base64url'));
  const claimsObject = parseObject(Buffer.from(claims, 'base64url'));
  return (
    headerObject &&
    claimsObject && {
      header: headerObject,
      claims: claimsObject,
      signedText: `${header}.${claims}`,
      signature: Buffer.from(signature, 'base64url'),
    }
  );
}

/** RFC 7518 §3.3 and §3.4. */
export function isSignedBy(jwt: Jwt, algorithm: 'ES256' | 'RS256', publicKeyPem: string): boolean {
  if (jwt.header['alg'] !== algorithm) return false;
  const key = { key: createPublicKey(publicKeyPem), dsaEncoding: 'ieee-p1363' as const };
  return verify('sha256', Buffer.from(jwt.signedText), key, jwt.signature);
}

/** The credentials of an `authorization: bearer ...` header, whatever the case of the scheme. */
export function bearerOf(authorization: string | undefined): string | null {
  return /^bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? null;
}
