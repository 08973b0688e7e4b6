import { basicAuth } from './statistics.js';
import { OPERATOR, type TestServer } from './test-server.js';

export const OPERATOR_AUTH = basicAuth(OPERATOR.username, OPERATOR.password);

export interface MetricSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What a Prometheus would read, line by line. */
export class Metrics {
  readonly samples: MetricSample[];
  /** Names as they are declared, without the endings of a histogram's series. */
  readonly declared: string[];

  constructor(readonly text: string) {
    const lines = text.split('\n');
    this.declared = lines.flatMap((line) => /^# TYPE (\S+) /.exec(line)?.[1] ?? []);
    this.samples = lines.filter((line) => line !== '' && !line.startsWith('#')).map(parseSample);
  }

  static async read(server: TestServer): Promise<Metrics> {
    const response = await fetch(`${server.url}/metrics`, { headers: { authorization: OPERATOR_AUTH } });
    if (response.status !== 200) throw new Error(`/metrics was answered with HTTP ${response.status}`);
    return new Metrics(await response.text());
  }

  /** The sum of the series with these labels; null = there is none. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number | null {
    const found = this.samples.filter(
      (sample) =>
        sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    );
    return found.length === 0 ? null : found.reduce((sum, { value }) => sum + value, 0);
  }
}

function parseSample(line: string): MetricSample {
  const [, name, labels = '', value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new Error(`This is no sample: ${line}`);
  const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)",?/g)].map(([, label = '', text = '']) => [label, text]);
  return { name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) };
}
