/**
 * A credential that cannot be used. The message is one sentence for the operator: it names the variable and the reason,
 * and never quotes what the file holds.
 */
export class CredentialError extends Error {
  constructor(variable: string, reason: string) {
    super(`${variable} ${reason}`);
    this.name = 'CredentialError';
  }
}
