const WIDTH = 30;
const REDRAW_MS = 100;

export interface ProgressStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** How far long work is, drawn on a terminal and nowhere else, so that logs and pipes stay clean. */
export class ProgressBar {
  private done = 0;
  private drawnAt = -Infinity;

  constructor(
    private readonly label: string,
    private readonly total: number,
    private readonly stream: ProgressStream = process.stderr,
    private readonly now: () => number = () => performance.now(),
  ) {}

  advance(by: number): void {
    this.done += by;
    if (!this.stream.isTTY || this.now() - this.drawnAt < REDRAW_MS) return;
    this.drawnAt = this.now();
    this.draw();
  }

  /** Leaves the line as it is at the end. */
  finish(): void {
    if (!this.stream.isTTY) return;
    this.draw();
    this.stream.write('\n');
  }

  private draw(): void {
    const share = this.total === 0 ? 1 : Math.min(1, this.done / this.total);
    const filled = Math.round(share * WIDTH);
    const bar = '#'.repeat(filled) + '-'.repeat(WIDTH - filled);
    const percent = `${Math.floor(share * 100)}%`.padStart(5);
    this.stream.write(`\r${this.label} [${bar}]${percent}`);
  }
}
