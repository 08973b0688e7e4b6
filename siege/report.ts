import { renderTable } from '../test/support/report/markdown-table.js';
import { type Outcome } from './siege.js';

/** A line for each attack; nothing of it needs the others. */
export const renderOutcomes = (outcomes: readonly Outcome[]): string =>
  renderTable({
    columns: ['attack', 'pushes delivered', 'median wait', 'longest wait', 'slowest answer', 'memory'],
    rows: outcomes.map((outcome) => {
      const { attack, sent, delivered, medianMs, longestMs, slowestAnswerMs, peakMb } = outcome;
      return [
        `\`${attack.name}\`: ${attack.what}`,
        `${delivered} of ${sent}`,
        time(medianMs),
        time(longestMs),
        time(slowestAnswerMs),
        `${peakMb} MB${outcome.crashes > 0 ? ', **ended**' : ''}`,
      ];
    }),
  });

function time(ms: number): string {
  if (!Number.isFinite(ms)) return '–';
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** An attack may make people wait for a moment; what they have to wait longer for was held up. In milliseconds. */
const MAX_WAIT_MS = 10_000;
/** As promised. */
const MAX_ANSWER_MS = 20_000;

/** What must not be, for people and the exit code. */
export function problemsOf(outcome: Outcome): string[] {
  const { attack, sent, delivered, failed, crashes, longestMs, slowestAnswerMs } = outcome;
  const problems: [boolean, string][] = [
    [crashes > 0, 'the server ended'],
    [delivered < sent, `${sent - delivered} of ${sent} pushes did not arrive`],
    [sent === 0, 'nothing was sent'],
    // Of what never arrived is said enough.
    [delivered === sent && longestMs > MAX_WAIT_MS, `a push took ${time(longestMs)}`],
    [slowestAnswerMs > MAX_ANSWER_MS, `an answer took ${time(slowestAnswerMs)}`],
    [failed > 0, `${failed} requests of well-behaved people were refused or not answered`],
  ];
  return problems.flatMap(([holds, problem]) => (holds ? [`${attack.name}: ${problem}`] : []));
}
