/** Milliseconds of the system's monotonic clock, which is one for all processes of a machine. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;
