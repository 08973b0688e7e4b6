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

export function printResult(result: SoakResult): void {
  const { client, deliveries, reported, reportedAfterLapse, withoutGoogle, malformed } = result;
  const { memory, faults, hostAnswers, endpoints, collapsed, problems } = result;
  const answers = Object.entries(hostAnswers);
  const rows: [string, string | number][] = [
    ['requests', client.requests],
    ['acknowledged', client.acknowledged],
    ['cut by a restart', client.cut],
    ['malformed requests', malformed],
    ['5xx and inner 500', client.failed],
    ['slowest answer', `${Math.round(client.slowestMs)} ms`],
    ['notifications acknowledged', deliveries.acknowledged],
    ['messages reported by nodes', reported],
    ['after 65 minutes untouched', reportedAfterLapse],
    ['pushes delivered', deliveries.pushes],
    ['of these by Web Push', withoutGoogle],
    ['pushes lost', deliveries.lost],
    ['without content instead', `${deliveries.wakeups}, after ${deliveries.collapsed} that did not come`],
    ['left out beside them', [...collapsed].map(([what, times]) => `${what}: ${times}`).join(', ') || 'none'],
    [
      'pushes twice',
      `${deliveries.duplicates} (in flight at a restart or a cut: ${deliveries.duplicatesAllowed}; others: ${deliveries.unexplained})`,
    ],
    ['restarts', `${faults.kills} SIGKILL, ${faults.stops} SIGTERM`],
    ['gateway outages', faults.outages],
    ['nodes stopped, frozen, cut', faults.nodes],
    ['answers of Web Push hosts', answers.map(([answer, times]) => `${answer}: ${times}`).join(', ')],
    ['endpoints given up', `${endpoints.ended}, of them forgotten ${endpoints.forgotten}`],
    ['memory', `${memory.startMb} MB at the start of the last life, ${memory.endMb} MB at its end`],
  ];
  process.stdout.write('\n');
  for (const [name, value] of rows) process.stdout.write(`${name.padEnd(28)}${value}\n`);
  process.stdout.write(
    problems.length === 0 ? '\nnothing lost, nothing twice without a reason, no 5xx, memory is flat\n' : '\n',
  );
  for (const problem of problems.slice(0, SHOWN)) process.stdout.write(`PROBLEM ${problem.slice(0, 500)}\n`);
  if (problems.length > SHOWN) process.stdout.write(`and ${problems.length - SHOWN} more\n`);
}
