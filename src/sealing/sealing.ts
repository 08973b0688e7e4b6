import {
  deriveKeys,
  isSealed,
  openAccount,
  openBox,
  openToken,
  sealAccount,
  sealBox,
  sealId,
  type SealingKeys,
  sealToken,
} from './sealing.protocol.js';

declare const storedForm: unique symbol;

/**
 * A Session id or closed group id in the form in which it is stored. Only {@link Sealing} makes one, so that the
 * compiler notices a plain one on its way to the database or into the queue; what comes from there has the type already.
 */
export type StoredId = string & { readonly [storedForm]: 'id' };

/** The account of a subscription, likewise; unlike an id it can be opened. */
export type StoredAccount = string & { readonly [storedForm]: 'account' };

/** A device token, likewise. */
export type StoredToken = string & { readonly [storedForm]: 'token' };

/** The recipient of an item without one, such as an operator's trial push. */
export const NOBODY = '' as StoredId;

/**
 * Turns ids and tokens into the form in which they are stored, looked up and compared everywhere behind the commands. What
 * is sealed already stays as it is.
 */
export abstract class Sealing {
  /** False: the stored form is the text itself. */
  abstract readonly isOn: boolean;

  /** Of a Session id or legacy closed group id. */
  abstract id(id: string): StoredId;

  abstract token(token: string): StoredToken;

  /** The token itself, for its provider's eyes only; null = it is damaged, or sealed and there is no key. */
  abstract open(storedToken: string): string | null;

  /** Of the account of a subscription, in lower-case hexadecimal; unlike an id it can be opened. */
  abstract account(account: string): StoredAccount;

  /** The account itself, for the storage nodes and its own phones; null = it is damaged, or sealed and there is no key. */
  abstract openAccount(storedAccount: string): string | null;

  /**
   * Of bytes that are never looked up or compared.
   *
   * @param place where they are kept (`boxPlace`); they can be opened for that place only
   */
  abstract box(content: Buffer, place: string): Buffer;

  /** The bytes themselves; null = they are damaged, or belong to another place. */
  abstract openBox(storedBox: Buffer, place: string): Buffer | null;
}

/** Stored as it came. */
export class NoSealing extends Sealing {
  override readonly isOn = false;
  override id = (id: string): StoredId => id as StoredId;
  override token = (token: string): StoredToken => token as StoredToken;
  override open = (storedToken: string): string | null => (isSealed(storedToken) ? null : storedToken);
  override account = (account: string): StoredAccount => account as StoredAccount;
  override openAccount = (storedAccount: string): string | null => (isSealed(storedAccount) ? null : storedAccount);
  override box = (content: Buffer): Buffer => content;
  override openBox = (storedBox: Buffer): Buffer => storedBox;
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

  override id(id: string): StoredId {
    return (isSealed(id) ? id : sealId(this.keys, id)) as StoredId;
  }

  override token(token: string): StoredToken {
    return (isSealed(token) ? token : sealToken(this.keys, token)) as StoredToken;
  }

  override open(storedToken: string): string | null {
    return isSealed(storedToken) ? openToken(this.keys, storedToken) : storedToken;
  }

  override account(account: string): StoredAccount {
    return (isSealed(account) ? account : sealAccount(this.keys, account)) as StoredAccount;
  }

  override openAccount(storedAccount: string): string | null {
    return isSealed(storedAccount) ? openAccount(this.keys, storedAccount) : storedAccount;
  }

  override box(content: Buffer, place: string): Buffer {
    return sealBox(this.keys, content, place);
  }

  override openBox(storedBox: Buffer, place: string): Buffer | null {
    return openBox(this.keys, storedBox, place);
  }
}
