import { z } from 'zod';
import { decodeByteValue } from '../wire/byte-values.protocol.js';
import { type ItemRefusal, refusedItem } from '../wire/replies.protocol.js';

/** Refuses an item from within a schema. */
export function refuse(context: z.RefinementCtx, error: ItemRefusal['error'], message: string): never {
  context.addIssue({ code: 'custom', params: { error }, message });
  return z.NEVER;
}

/** What a schema made of an item, or the answer to it: that of the first key that is wrong. */
export function readItem<Item>(schema: z.ZodType<Item>, item: unknown): Item | ItemRefusal {
  const parsed = schema.safeParse(item);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const error: unknown = issue?.code === 'custom' ? issue.params?.['error'] : undefined;
  return refusedItem(error === 1 || error === 2 ? error : 4, issue?.message ?? 'Invalid request');
}

/**
 * A key that must be there; `null` is the same as none.
 *
 * @param missing the error of an item without it
 */
export const required = <T>(
  name: string,
  missing: ItemRefusal['error'],
  read: (value: unknown, context: z.RefinementCtx) => T,
) =>
  z
    .unknown()
    .nullish()
    .transform((value, context) =>
      value === undefined || value === null
        ? refuse(context, missing, `Missing required parameter '${name}'`)
        : read(value, context),
    );

/** A byte value that must be there. */
export const bytes = (name: string, length: number, missing: ItemRefusal['error']) =>
  required(name, missing, (value, context) => readBytes(name, length, value, context));

/** A byte value that may be left out. */
export const optionalBytes = (name: string, length: number) =>
  z
    .unknown()
    .nullish()
    .transform((value, context) =>
      value === undefined || value === null ? null : readBytes(name, length, value, context),
    );

function readBytes(name: string, length: number, value: unknown, context: z.RefinementCtx): Buffer {
  return (
    decodeByteValue(value, length) ?? refuse(context, 4, `${name} must be ${length} bytes in hexadecimal or base64`)
  );
}
