/** A command could not do what it was asked to. The message is for the operator. */
export class CliError extends Error {
  override readonly name = 'CliError';
}
