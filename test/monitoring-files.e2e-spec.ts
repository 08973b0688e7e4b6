import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SwarmNetwork, startSwarmNetwork } from '../gateways/swarm/network.js';
import { describeEachDatabase } from './support/databases.js';
import { Metrics } from './support/metrics.js';
import { newData, newId, newIosToken } from './support/people.js';
import { findProgram } from './support/private-server.js';
import { useServer } from './support/test-server.js';

/** Debian has it in the package prometheus. */
const promtool = findProgram('promtool');

const RULES = 'ops/prometheus-alerts.yml';
const DASHBOARD = 'ops/grafana-dashboard.json';

interface Panel {
  id: number;
  type: string;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: { expr: string; datasource: { uid: string } }[];
}

const dashboard = JSON.parse(readFileSync(DASHBOARD, 'utf8')) as {
  panels: Panel[];
  templating: { list: { name: string; query: unknown }[] };
};
const rules = readFileSync(RULES, 'utf8');

const OURS = /\b(?:session_push|nodejs|process)_[a-z0-9_]+/g;
const SERIES_ENDING = /_(?:bucket|sum|count)$/;

/** Metrics and the labels that are asked of them, `name label`, as far as they stand beside each other. */
const askedLabels = (text: string): string[] =>
  [...text.matchAll(/\b(session_push_[a-z0-9_]+)\{([^}]*)\}/g)].flatMap(([, name = '', selector = '']) =>
    [...selector.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => `${name} ${label}`),
  );

describeEachDatabase('the files for Prometheus and Grafana', (databases) => {
  let network: SwarmNetwork;
  const env: Record<string, string> = {};
  beforeAll(async () => {
    network = await startSwarmNetwork({ swarms: 1 });
    Object.assign(env, network.environment);
  });
  const suite = useServer(databases, { env });
  let metrics: Metrics;
  afterAll(() => network.close());
  beforeAll(async () => {
    const id = newId();
    await suite.server.register(id, newIosToken());
    await suite.server.notify(id, newData());
    await suite.server.idle();
    // Nobody has subscribed: what a node says about an account is a label all the same.
    metrics = await Metrics.read(suite.server);
  });

  it.each([RULES, DASHBOARD])('%s names metrics that there are', (file) => {
    const names = readFileSync(file, 'utf8').match(OURS) ?? [];
    const unknown = names.filter(
      (name) => !metrics.declared.includes(name) && !metrics.declared.includes(name.replace(SERIES_ENDING, '')),
    );
    expect(names.length).toBeGreaterThan(8);
    expect(unknown).toEqual([]);
  });

  it('the dashboard counts a queue that instances share once', () => {
    const queue = dashboard.panels.flatMap(({ targets = [] }) =>
      targets.filter(({ expr }) => expr.includes('_queue_')),
    );
    expect(queue.length).toBeGreaterThan(2);
    for (const { expr } of queue) expect(expr).toMatch(/^max( by \(lane\))? ?\(/);
  });

  it('docs/operating.md explains each metric of ours, and none that is not there', () => {
    const explained = new Set(readFileSync('docs/operating.md', 'utf8').match(/\bsession_push_[a-z0-9_]+/g));
    const ours = metrics.declared.filter((name) => name.startsWith('session_push_'));
    expect([...explained].toSorted()).toEqual(ours.toSorted());
  });

  it.each([RULES, DASHBOARD])('%s asks for labels that those metrics have', (file) => {
    const known = new Set(
      metrics.samples.flatMap(({ name, labels }) => Object.keys(labels).map((label) => `${name} ${label}`)),
    );
    const asked = askedLabels(readFileSync(file, 'utf8').replaceAll('\\"', '"'));
    const fromPrometheus = (pair: string) => /^\S+ (?:instance|job)$/.test(pair);
    expect(asked.filter((pair) => !fromPrometheus(pair) && !known.has(pair))).toEqual([]);
  });

  it.skipIf(promtool === null)('promtool finds the names and types of our metrics correct', () => {
    const ours = metrics.text.split('\n').filter((line) => line.includes('session_push_'));
    const input = `${ours.join('\n')}\n`;
    expect(execFileSync(promtool ?? '', ['check', 'metrics'], { input, encoding: 'utf8' })).toBe('');
  });

  it('show every metric of ours somewhere', () => {
    const shown = `${rules}${JSON.stringify(dashboard)}`;
    const ours = metrics.declared.filter((name) => name.startsWith('session_push_'));
    expect(ours.filter((name) => !shown.includes(name))).toEqual([]);
  });
});

describe('the dashboard', () => {
  it('has panels with numbers of their own, side by side', () => {
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)} ${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(panels.every(({ gridPos: { x, w } }) => x + w <= 24)).toBe(true);
  });

  it('asks the data source that its reader chooses', () => {
    const targets = dashboard.panels.flatMap((panel) => panel.targets ?? []);
    expect(targets.length).toBeGreaterThan(20);
    expect(new Set(targets.map(({ datasource }) => datasource.uid))).toEqual(new Set(['${datasource}']));
    expect(dashboard.templating.list.map(({ name }) => name)).toEqual(['datasource', 'instance']);
  });
});

describe.skipIf(promtool === null)('promtool', () => {
  const run = (...args: string[]) => execFileSync(promtool ?? '', args, { encoding: 'utf8' });

  it('finds the rules correct', () => {
    const count = rules.match(/^ +- (?:alert|record): /gm)?.length ?? 0;
    expect(run('check', 'rules', RULES)).toContain(`SUCCESS: ${count} rules found`);
  });

  it('sees the alerts fire when they should, and only then', () => {
    expect(run('test', 'rules', 'test/prometheus-alerts.test.yml')).toContain('SUCCESS');
  });
});
