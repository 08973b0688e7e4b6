import { apnsError } from './apns.answers.js';
import { type ApnsTokenKey } from './certificates.js';
import { bearerOf, decodeJwt, isSignedBy } from './jwt.js';
import { type Answer, type GatewayRequest } from './messages.js';

/** Apple, "Establishing a token-based connection to APNs": refresh "no less than once every 60 minutes". */
const TOKEN_LIFETIME_MS = 3_600_000;

/** What the gateway keeps of a .p8 key. */
export type TrustedKey = Pick<ApnsTokenKey, 'keyId' | 'teamId' | 'publicKey'>;

/** Who pushes. `topic` is the certificate's; a token's team is not bound to one. */
export type ApnsSender =
  | { readonly kind: 'certificate'; readonly topic: string | null }
  | { readonly kind: 'token'; readonly jwt: string; readonly keyId: string };

/** Checks signatures once per JWT: a sender uses one for thousands of pushes. */
export class ApnsAuthenticator {
  private readonly keys = new Map<string, TrustedKey>();
  private readonly verified = new Map<string, TrustedKey>();

  trust(key: TrustedKey): void {
    this.keys.set(key.keyId, key);
  }

  revoke(keyId: string): void {
    this.keys.delete(keyId);
  }

  /** A JWT counts when it is there, else the client certificate of the connection. */
  authenticate({ headers, connection }: GatewayRequest, now: number): ApnsSender | Answer {
    const { authorization } = headers;
    const { clientCertificate } = connection;
    if (authorization !== undefined) return this.checkToken(bearerOf(authorization), now);
    if (!clientCertificate) return apnsError('MissingProviderToken');
    if (!clientCertificate.trusted) return apnsError('BadCertificate');
    return { kind: 'certificate', topic: clientCertificate.topic };
  }

  private checkToken(text: string | null, now: number): ApnsSender | Answer {
    const jwt = text === null ? null : decodeJwt(text);
    if (text === null || !jwt) return apnsError('InvalidProviderToken');
    const key = this.keys.get(String(jwt.header['kid']));
    const { iss, iat } = jwt.claims;
    if (!key || iss !== key.teamId || typeof iat !== 'number') return apnsError('InvalidProviderToken');
    if (this.verified.get(text) !== key) {
      if (!isSignedBy(jwt, 'ES256', key.publicKey)) return apnsError('InvalidProviderToken');
      if (this.verified.size > 100) this.verified.clear();
      this.verified.set(text, key);
    }
    const age = now - iat * 1000;
    if (age < -60_000) return apnsError('InvalidProviderToken');
    if (age > TOKEN_LIFETIME_MS) return apnsError('ExpiredProviderToken');
    return { kind: 'token', jwt: text, keyId: key.keyId };
  }
}
