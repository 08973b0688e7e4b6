/** Lets up to `count` pieces of work run at a time; the others wait in line. */
export class ConcurrencyLimit {
  private readonly line: (() => void)[] = [];
  private count = 0;

  constructor(private readonly max: number) {}

  get taken(): number {
    return this.count;
  }

  get waiting(): number {
    return this.line.length;
  }

  /** Settles as `work` does, when its turn has come. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.count < this.max) this.count++;
    else await new Promise<void>((resolve) => this.line.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.line.shift();
      if (next) next();
      else this.count--;
    }
  }
}
