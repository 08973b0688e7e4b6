import { execFileSync } from 'node:child_process';

/** With a small heap nothing but a leak makes a process grow, and a leak soon ends it. */
export const SMALL_HEAP = { NODE_OPTIONS: '--max-old-space-size=96 --max-semi-space-size=4' };

export const residentMb = (pid: number): number =>
  Math.round(Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1024);
