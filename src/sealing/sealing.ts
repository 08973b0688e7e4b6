import { deriveKeys, isSealed, openToken, sealId, type SealingKeys, sealToken } from './sealing.protocol.js';

/**
 * Turns ids and tokens into the form in which they are stored, looked up and compared everywhere behind the commands. What
 * is sealed already stays as it is.
 */
export abstract class Sealing {
  /** False: the stored form is the text itself. */
  abstract readonly isOn: boolean;

  /** Of a Session id or legacy closed group id. */
  abstract id(id: string): string;

  abstract token(token: string): string;

  /** The token itself, for its provider's eyes only; null = it is damaged, or sealed and there is no key. */
  abstract open(storedToken: string): string | null;
}

/** Stored as it came. */
export class NoSealing extends Sealing {
  override readonly isOn = false;
  override id = (id: string): string => id;
  override token = (token: string): string => token;
  override open = (storedToken: string): string | null => (isSealed(storedToken) ? null : storedToken);
}

/** Sealed with a data key. */
export class KeyedSealing extends Sealing {
  override readonly isOn = true;
  private readonly keys: SealingKeys;

  /** @param dataKey 32 bytes */
  constructor(dataKey: Uint8Array) {
    super();
    this.keys = deriveKeys(dataKey);
  }

  override id(id: string): string {
    return isSealed(id) ? id : sealId(this.keys, id);
  }

  override token(token: string): string {
    return isSealed(token) ? token : sealToken(this.keys, token);
  }

  override open(storedToken: string): string | null {
    return isSealed(storedToken) ? openToken(this.keys, storedToken) : storedToken;
  }
}
