import { z } from 'zod';
import { MISSING_PARAMETER, wireId } from '../../common/words/wire-text.js';

/** `data` is the sender's encrypted text. It is passed on untouched, so nothing about it is checked. */
export const notifySchema = z.object({
  send_to: wireId('send_to'),
  data: z.preprocess(
    (value) => value || undefined,
    z.string({ error: ({ input }) => (input === undefined ? MISSING_PARAMETER : 'data must be a string') }),
  ),
});
export type Notify = z.infer<typeof notifySchema>;
