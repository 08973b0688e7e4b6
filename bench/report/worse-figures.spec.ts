import { describe, expect, it } from 'vitest';
import { worseFigures } from './worse-figures.js';

const WRITTEN = `
2026-11-22, version 0.1.0, \`npm run bench\`. Node.js 22.

SQLite 3.54.1:

| request    | requests/s          | CPU µs        | CPU to floor     | target           |
| ---------- | ------------------- | ------------- | ---------------- | ---------------- |
| notify, v4 | 5,862 (5,585-5,895) | 1,160 (1,140-1,200) | 1.22 (1.20-1.26) | at most 1.5: met |
| register   | 6,334               | 141           | 1.30             |                  |

MariaDB 10.11.19:

| request    | CPU µs |
| ---------- | ------ |
| notify, v4 | 200    |
`;

const run = (notify: string[], register: string[]) =>
  worseFigures(WRITTEN, {
    parts: [
      'SQLite 3.60.0:',
      {
        columns: ['request', 'requests/s', 'CPU µs', 'CPU to floor', 'target'],
        rows: [
          ['notify, v4', ...notify],
          ['register', ...register],
        ],
      },
    ],
  });

describe('figures that are worse than what is written', () => {
  it('are named with both, whatever the versions are', () => {
    expect(run(['100', '1,500 (1,480-1,510)', '1.60 (1.58-1.61)', ''], ['100', '250', '1.30', ''])).toEqual([
      'SQLite, notify, v4, CPU µs: 1500, and 1160 is written',
      'SQLite, notify, v4, CPU to floor: 1.6, and 1.22 is written',
      'SQLite, register, CPU µs: 250, and 141 is written',
    ]);
  });

  it('are none within the spread of either run, or below what means anything', () => {
    expect(run(['100', '1,400 (1,100-1,900)', '1.35 (1.34-1.36)', ''], ['100', '160', '1.40', ''])).toEqual([]);
  });

  it('are none where nothing is written, or nothing was measured', () => {
    expect(run(['100', '', '**missed**', ''], ['100', '90', '0.80', ''])).toEqual([]);
    expect(worseFigures('', { parts: ['Redis:', { columns: ['a', 'CPU µs'], rows: [['b', '9']] }] })).toEqual([]);
  });
});
