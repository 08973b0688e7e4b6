import {
  bindRow,
  deriveKeys,
  generationOf,
  isSealed,
  keyCheckOf,
  markDamaged,
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
 * is sealed already stays as it is, and what an earlier data key sealed is carried over to the one in use.
 */
export abstract class Sealing {
  /** False: the stored form is the text itself. */
  abstract readonly isOn: boolean;

  /** The number of the data key in use; 0 = there is none. */
  abstract readonly generation: number;

  /** As `keyCheckOf` has it; null = there is no key. */
  abstract readonly keyCheck: string | null;

  /** Of a Session id or legacy closed group id. */
  abstract id(id: string): StoredId;

  abstract token(token: string): StoredToken;

  /** The token itself, which only its provider may see; null = it is damaged, or sealed and there is no key. */
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

  /**
   * The bytes themselves; null = they are damaged, or belong to another place.
   *
   * @param generation of the data key that sealed them, when it is not the one in use
   */
  abstract openBox(storedBox: Buffer, place: string, generation?: number): Buffer | null;

  /**
   * Tells that this server wrote a row. Null = there is no such key, and nothing is bound.
   *
   * @param place the row's, with all values that belong together (`boxPlace`)
   * @param generation of the data key that sealed them
   */
  abstract bind(place: string, generation: number): string | null;
}

/** Stored as it came. */
export class NoSealing extends Sealing {
  override readonly isOn = false;
  override readonly generation = 0;
  override readonly keyCheck = null;
  override id = (id: string): StoredId => id as StoredId;
  override token = (token: string): StoredToken => token as StoredToken;
  override open = (storedToken: string): string | null => (isSealed(storedToken) ? null : storedToken);
  override account = (account: string): StoredAccount => account as StoredAccount;
  override openAccount = (storedAccount: string): string | null => (isSealed(storedAccount) ? null : storedAccount);
  override box = (content: Buffer): Buffer => content;
  override openBox = (storedBox: Buffer): Buffer => storedBox;
  override bind = (): null => null;
}

/** Sealed with a data key; what an earlier one sealed can still be read. */
export class KeyedSealing extends Sealing {
  override readonly isOn = true;
  override readonly generation: number;
  override readonly keyCheck: string;
  /** Those of key number n are at n - 1. */
  private readonly keys: readonly SealingKeys[];
  private readonly newest: SealingKeys;

  /** @param dataKeys 32 bytes each, oldest first; the last is in use */
  constructor(...dataKeys: readonly [Uint8Array, ...Uint8Array[]]) {
    super();
    this.keys = dataKeys.map((dataKey, index) => deriveKeys(dataKey, index + 1));
    this.generation = dataKeys.length;
    this.newest = this.keysOf(this.generation);
    this.keyCheck = keyCheckOf(dataKeys);
  }

  /** Ids are sealed one way, so a later key seals the form that the former key made. */
  override id(id: string): StoredId {
    let form = id;
    for (let done = generationOf(id); done < this.generation; done++) form = sealId(this.keysOf(done + 1), form);
    return form as StoredId;
  }

  override token(token: string): StoredToken {
    return this.carryOver(token, openToken, sealToken) as StoredToken;
  }

  override open(storedToken: string): string | null {
    return this.openedBy(openToken, storedToken);
  }

  override account(account: string): StoredAccount {
    return this.carryOver(account, openAccount, sealAccount) as StoredAccount;
  }

  override openAccount(storedAccount: string): string | null {
    return this.openedBy(openAccount, storedAccount);
  }

  override box(content: Buffer, place: string): Buffer {
    return sealBox(this.newest, content, place);
  }

  override openBox(storedBox: Buffer, place: string, generation = this.generation): Buffer | null {
    return openBox(this.keysOf(generation), storedBox, place);
  }

  override bind(place: string, generation: number): string | null {
    return generation === 0 || generation > this.generation ? null : bindRow(this.keysOf(generation), place);
  }

  /** What is damaged is marked too: otherwise it would be left to do for ever. */
  private carryOver(text: string, open: Open, seal: (keys: SealingKeys, plain: string) => string): string {
    if (generationOf(text) >= this.generation) return text;
    const plain = this.openedBy(open, text);
    return plain === null ? markDamaged(this.newest, text) : seal(this.newest, plain);
  }

  private openedBy(open: Open, text: string): string | null {
    const generation = generationOf(text);
    if (generation === 0) return text;
    return generation > this.generation ? null : open(this.keysOf(generation), text);
  }

  private keysOf(generation: number): SealingKeys {
    const keys = this.keys[generation - 1];
    if (!keys) throw new RangeError(`There is no data key number ${generation}.`);
    return keys;
  }
}

type Open = (keys: SealingKeys, sealed: string) => string | null;
