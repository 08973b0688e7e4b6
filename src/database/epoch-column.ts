import { type ValueTransformer } from 'typeorm';

/** Drivers give a bigint as number or text; every value here is a safe integer. */
export const toSafeNumber: ValueTransformer = {
  to: (value: unknown) => value,
  from: (value: unknown) => (value === null || value === undefined ? value : Number(value)),
};

/** A column of UTC epoch milliseconds. */
export const epochColumn = (name: string) => ({ name, type: 'bigint' as const, transformer: toSafeNumber });
