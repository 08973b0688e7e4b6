import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** With a small heap nothing but a leak makes a process grow, and a leak soon ends it. */
export const SMALL_HEAP = { NODE_OPTIONS: '--max-old-space-size=96 --max-semi-space-size=4' };

/** The most that it ever had, on Linux; elsewhere what it has now. 0 = it has ended meanwhile. */
export const peakMb = (pid: number): number => fromStatus(pid, 'VmHWM') ?? residentMb(pid);

/** What it has now; 0 = it has ended meanwhile. */
export const residentMb = (pid: number): number => fromStatus(pid, 'VmRSS') ?? fromPs(pid);

/** A figure of proc(5) in MB; null = not on Linux, or there is no such process. */
function fromStatus(pid: number, name: string): number | null {
  try {
    const [, kib] = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return kib === undefined ? null : Math.round(Number(kib) / 1024);
  } catch {
    return null;
  }
}

function fromPs(pid: number): number {
  const { stdout } = spawnSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' });
  return Math.round(Number(stdout) / 1024);
}
