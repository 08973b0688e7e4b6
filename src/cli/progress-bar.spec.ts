import { describe, expect, it } from 'vitest';
import { ProgressBar } from './progress-bar.js';

class Stream {
  written = '';
  constructor(readonly isTTY: boolean) {}
  write(text: string): void {
    this.written += text;
  }
}

function bar(stream: Stream, total = 200) {
  const clock = { now: 0 };
  return { clock, bar: new ProgressBar('Importing', total, stream, () => clock.now) };
}

describe('a progress bar', () => {
  it('draws the share that is done on one line of a terminal', () => {
    const stream = new Stream(true);
    const { bar: progress } = bar(stream);
    progress.advance(100);
    expect(stream.written).toBe(`\rImporting [${'#'.repeat(15)}${'-'.repeat(15)}]  50%`);
    progress.advance(100);
    progress.finish();
    expect(stream.written.endsWith(`\rImporting [${'#'.repeat(30)}] 100%\n`)).toBe(true);
  });

  it('writes nothing where there is no terminal', () => {
    const stream = new Stream(false);
    const { bar: progress } = bar(stream);
    progress.advance(200);
    progress.finish();
    expect(stream.written).toBe('');
  });

  it('draws at most ten times a second', () => {
    const stream = new Stream(true);
    const { bar: progress, clock } = bar(stream);
    for (clock.now = 0; clock.now < 200; clock.now++) progress.advance(1);
    expect(stream.written.match(/\r/g)).toHaveLength(2);
  });

  it('is full when there is nothing to do', () => {
    const stream = new Stream(true);
    bar(stream, 0).bar.finish();
    expect(stream.written).toContain('100%');
  });
});
