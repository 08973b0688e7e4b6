import { type Command, InvalidArgumentError } from 'commander';
import { parseLocalTime } from '../../statistics/local-time.js';
import { examples } from '../output.js';
import { type StatsOptions } from './stats.action.js';

export function addStatsCommand(program: Command): void {
  program
    .command('stats')
    .description('show messages and pushes per period, and the devices')
    .option('--from <time>', 'periods that begin at or after, YYYY-MM-DD or "YYYY-MM-DD HH:MM:SS"', parseTime)
    .option('--to <time>', 'periods that end at or before', parseTime)
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      `
Times are in the time zone of this process (TZ). Huawei pushes count as Android. A running server writes what it counts
every three minutes.
${examples('stats', 'stats --from 2026-01-01 --to "2026-01-31 23:59:59"', 'stats --json')}`,
    )
    .action(async (options: StatsOptions, self: Command) => {
      const { from = -Infinity, to = Infinity } = options;
      if (from > to) self.error('error: --from is after --to');
      await (await import('./stats.action.js')).showStatistics(options);
    });
}

function parseTime(text: string): number {
  const time = parseLocalTime(text);
  if (time === null) throw new InvalidArgumentError('It must be YYYY-MM-DD or "YYYY-MM-DD HH:MM:SS".');
  return time;
}
