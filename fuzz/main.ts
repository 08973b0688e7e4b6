import { parseArgs } from 'node:util';
import { runFuzz } from './fuzz.js';

const HELP = `Sends hostile requests to the built server and looks whether it minds.

  npm run fuzz -- --requests 100000

  --requests N  how many (default 100000)
  --seed N      repeats the choices of an earlier run (default: a new one, which is printed)
  --idle N      connections that send nothing, all at once (default 2000)
  --help        this text

Exits with 1 when the server crashes, answers with 5xx or an inner 500, logs an error, keeps memory, lets a request stay
unfinished for longer than its time-outs, or makes a well-behaved client wait.
`;

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    idle: { type: 'string', default: '2000' },
    help: { type: 'boolean' },
  },
});
const [requests, seed, idleConnections] = [Number(values.requests), Number(values.seed), Number(values.idle)];

if (values.help) {
  process.stdout.write(HELP);
} else if (![requests, seed, idleConnections].every((value) => Number.isInteger(value) && value >= 0)) {
  process.stderr.write(HELP);
  process.exitCode = 2;
} else {
  const began = Date.now();
  const step = Math.max(1, Math.floor(requests / 20));
  const { sent, answers, bystander, memory, slowestRequestMs, problems } = await runFuzz(
    { requests, seed, idleConnections, slowConnections: 40 },
    (count) => {
      if (count % step === 0) process.stdout.write(`${Math.round((Date.now() - began) / 1000)} s  ${count} requests\n`);
    },
  );
  process.stdout.write(`\n${sent} hostile requests in ${Math.round((Date.now() - began) / 1000)} s, seed ${seed}\n`);
  for (const [key, count] of [...answers].toSorted(([a], [b]) => a.localeCompare(b)))
    process.stdout.write(`  ${key.padEnd(28)}${count}\n`);
  const { p50, p99, longest } = bystander;
  process.stdout.write(
    `a well-behaved client meanwhile: ${bystander.answers} answers, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, longest ${longest.toFixed(0)} ms\n` +
      `memory: ${memory.startMb} MB at the start, ${memory.underConnectionsMb} MB with ${idleConnections} idle connections, ${memory.endMb} MB at the end\n` +
      `unfinished requests were ended after at most ${(slowestRequestMs / 1000).toFixed(1)} s\n`,
  );
  for (const problem of problems.slice(0, 10)) process.stdout.write(`PROBLEM ${problem.slice(0, 500)}\n`);
  process.stdout.write(problems.length === 0 ? 'no crash, no 5xx, no growth\n' : `${problems.length} problems\n`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
