import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { whyUnreadable } from '../../config/unreadable.js';
import { decodeTextFile } from '../../encoding/text-file.js';

/**
 * A credential that cannot be used. The message is one sentence for the operator: it names the variable, the whole path and the
 * reason, and never quotes what the file holds.
 */
export class CredentialError extends Error {
  constructor(variable: string, reason: string) {
    super(`${variable} ${reason}`);
    this.name = 'CredentialError';
  }
}

/** A file that a variable names, and that holds what the server is to be known by or to trust. */
export class CredentialFile {
  constructor(
    readonly variable: string,
    readonly path: string,
  ) {}

  /** @throws {CredentialError} */
  bytes(): Buffer {
    try {
      return readFileSync(this.path);
    } catch (error) {
      throw this.error(`cannot be read: ${whyUnreadable(error)}`);
    }
  }

  /**
   * What a person saved as text, in UTF-8 or UTF-16, without a byte order mark.
   *
   * @throws {CredentialError}
   */
  text(): string {
    const decoded = decodeTextFile(this.bytes());
    if ('problem' in decoded) throw this.error(decoded.problem);
    return decoded.text;
  }

  /** @param reason the rest of the sentence; never what the file holds */
  error(reason: string): CredentialError {
    return new CredentialError(`${this.variable} (${resolve(this.path)})`, reason);
  }
}
