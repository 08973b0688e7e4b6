import { describeCircumstances } from '../test/support/report/circumstances.js';
import { readBetweenMarks, writeBetweenMarks } from '../test/support/report/marked-document.js';
import { Bench } from './bench.js';
import { monotonicMs } from './measure/clock.js';
import { type Cores } from './measure/cores.js';
import { type BenchOptions, HELP, parseOptions, type ScenarioName, UsageError } from './options.js';
import { renderSection, type Section } from './report/section.js';
import { worseFigures } from './report/worse-figures.js';
import { accept } from './scenarios/accept.scenario.js';
import { backlog } from './scenarios/backlog.scenario.js';
import { delivery } from './scenarios/delivery.scenario.js';
import { scale } from './scenarios/scale.scenario.js';
import { sealing } from './scenarios/sealing.scenario.js';
import { watching } from './scenarios/watching.scenario.js';
import { workers } from './scenarios/workers.scenario.js';

const RUN: Record<ScenarioName, (bench: Bench) => Promise<Section>> = {
  accept,
  delivery,
  workers,
  scale,
  backlog,
  sealing,
  watching,
};

const args = process.argv.slice(2);
const startedAt = monotonicMs();

try {
  const options = parseOptions(args);
  if (options) await run(options);
  else process.stdout.write(HELP);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n\n${HELP}`);
  process.exitCode = 2;
}

async function run(options: BenchOptions): Promise<void> {
  if (process.platform !== 'linux') throw new UsageError('The benchmark needs Linux, for the CPU time of processes.');
  // The exit handlers end the other processes and remove what was made.
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
  const bench = await Bench.start(options, progress);
  const circumstances = describeCircumstances('bench', args, pinning(bench.cores), bench.folder);
  for (const name of options.only) {
    const section = await RUN[name](bench);
    const markdown = `${circumstances}\n\n${renderSection(section)}`;
    process.stdout.write(`\n## ${name}\n\n${markdown}\n${compare(section)}`);
    if (options.write) await writeBetweenMarks('performance.md', `bench:${name}`, markdown);
  }
  await bench.stop();
  progress('done');
}

/** Nothing is compared with a run that lets the compiler settle for longer. */
function compare(section: Section): string {
  if (args.includes('--quick')) return '';
  const worse = worseFigures(readBetweenMarks('performance.md', `bench:${section.name}`), section);
  if (worse.length === 0) return '\nNothing costs noticeably more than docs/performance.md says.\n';
  return `\nCosts more than docs/performance.md says, by more than the spread:\n\n${worse.map((one) => `- ${one}\n`).join('')}`;
}

function pinning({ server, rest }: Cores): string {
  return server === null ? 'processes not pinned' : `server on core ${server}, the rest on ${rest}`;
}

function progress(text: string): void {
  process.stderr.write(`[${((monotonicMs() - startedAt) / 1000).toFixed(0)} s] ${text}\n`);
}
