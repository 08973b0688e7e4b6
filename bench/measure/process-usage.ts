import { readFileSync } from 'node:fs';

/** USER_HZ: the kernel shows times in hundredths of a second on all platforms that Node runs on. */
const TICK_MS = 10;
const UTIME = 11;
const STIME = 12;

/** User and system time of a process with all its threads, in milliseconds; in steps of 10. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the program's name in brackets and may hold spaces; the rest has fixed places.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[UTIME]) + Number(fields[STIME])) * TICK_MS;
}

/** Resident memory now, in MB. */
export const residentMb = (pid: number): number => memoryMb(pid, 'VmRSS');

/** The most resident memory the process ever had, in MB. */
export const peakMb = (pid: number): number => memoryMb(pid, 'VmHWM');

function memoryMb(pid: number, field: string): number {
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) / 1024;
}
