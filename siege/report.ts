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

/** What must not be, for people and the exit code. */
export function problemsOf({ attack, sent, delivered, failed, crashes }: Outcome): string[] {
  const problems: [boolean, string][] = [
    [crashes > 0, 'the server ended'],
    [delivered < sent, `${sent - delivered} of ${sent} pushes did not arrive`],
    [sent === 0, 'nothing was sent'],
    [failed > 0, `${failed} requests of well-behaved people were refused or not answered`],
  ];
  return problems.flatMap(([holds, problem]) => (holds ? [`${attack.name}: ${problem}`] : []));
}
