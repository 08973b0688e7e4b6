import { Counter, type Registry } from 'prom-client';

/** One series of a counter. Code on a hot path keeps it and adds to `value`. */
export interface Count {
  value: number;
}

/**
 * A counter whose series are plain numbers, handed to prom-client when metrics are read: prom-client hashes and checks the
 * labels at every increment.
 */
export class LabelledCounter<Label extends string> {
  private readonly series = new Map<string, Count & { labels: Record<Label, string> }>();

  constructor(
    registry: Registry,
    name: string,
    help: string,
    private readonly labelNames: readonly Label[],
  ) {
    const { series } = this;
    registry.registerMetric(
      new Counter<Label>({
        name,
        help,
        labelNames,
        registers: [],
        collect() {
          this.reset();
          for (const { labels, value } of series.values()) this.inc(labels, value);
        },
      }),
    );
  }

  /** The series of these label values, in the order of the names. It shows from now on, with 0 if nothing is added. */
  of(...values: string[]): Count {
    const key = values.join(' ');
    const known = this.series.get(key);
    if (known) return known;
    const labels = Object.fromEntries(this.labelNames.map((name, index) => [name, values[index] ?? ''])) as Record<
      Label,
      string
    >;
    const fresh = { labels, value: 0 };
    this.series.set(key, fresh);
    return fresh;
  }
}
