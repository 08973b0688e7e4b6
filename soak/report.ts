import { type SoakProgress, type SoakResult } from './soak.js';

/** So many of each problem are shown. */
const SHOWN = 5;

export function printProgress({ seconds, doing, client, pending, memoryMb }: SoakProgress): void {
  const counts = `${client.requests} requests, ${client.acknowledged} acknowledged, ${client.failed} failed`;
  const memory = memoryMb === null ? 'not running' : `${memoryMb} MB`;
  const since = String(Math.round(seconds)).padStart(5);
  process.stdout.write(`${since} s  ${counts}, ${pending} notifications on their way, ${memory}  ${doing}
`);
}

export function printResult({ client, deliveries, malformed, memory, faults, problems }: SoakResult): void {
  const rows: [string, string | number][] = [
    ['requests', client.requests],
    ['acknowledged', client.acknowledged],
    ['cut by a restart', client.cut],
    ['malformed requests', malformed],
    ['5xx and inner 500', client.failed],
    ['slowest answer', `${Math.round(client.slowestMs)} ms`],
    ['notifications acknowledged', deliveries.acknowledged],
    ['pushes delivered', deliveries.pushes],
    ['pushes lost', deliveries.lost],
    ['pushes twice', `${deliveries.duplicates} (in flight at a restart or a cut: ${deliveries.duplicatesAllowed})`],
    ['restarts', `${faults.kills} SIGKILL, ${faults.stops} SIGTERM`],
    ['gateway outages', faults.outages],
    ['memory', `${memory.startMb} MB at the start of the last life, ${memory.endMb} MB at its end`],
  ];
  process.stdout.write('\n');
  for (const [name, value] of rows) process.stdout.write(`${name.padEnd(28)}${value}\n`);
  process.stdout.write(problems.length === 0 ? '\nnothing lost, no 5xx, memory is flat\n' : '\n');
  for (const problem of problems.slice(0, SHOWN)) process.stdout.write(`PROBLEM ${problem.slice(0, 500)}\n`);
  if (problems.length > SHOWN) process.stdout.write(`and ${problems.length - SHOWN} more\n`);
}
