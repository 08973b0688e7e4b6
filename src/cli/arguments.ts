import { InvalidArgumentError } from 'commander';

/** The address of a server. */
export function parseServerUrl(text: string): string {
  if (URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol)) return text;
  throw new InvalidArgumentError('It must be http://... or https://...');
}
