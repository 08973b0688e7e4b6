import { z } from 'zod';

/** What clients read when an argument is absent, empty or null. */
export const MISSING_PARAMETER = 'Missing parameter';

const PRINTABLE_ASCII = /^[\x21-\x7e]+$/;
const MAX_ID_LENGTH = 255;
const MAX_TOKEN_LENGTH = 1024;

/** A client's text argument. Absent and falsy values count as missing, whatever their type. */
const wireText = (what: string, maxLength: number) =>
  z.preprocess(
    (value) => value || undefined,
    z
      .string({ error: ({ input }) => (input === undefined ? MISSING_PARAMETER : `${what} must be a string`) })
      .max(maxLength, `${what} must be at most ${maxLength} characters`)
      .regex(PRINTABLE_ASCII, `${what} must be printable ASCII without spaces`),
  );

/** A Session id or legacy closed group id. Not parsed: forks may spell them differently. */
export const wireId = (what: string) => wireText(what, MAX_ID_LENGTH);

export const wireToken = () => wireText('token', MAX_TOKEN_LENGTH);
