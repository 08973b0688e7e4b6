import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { basicAuth } from './support/statistics.js';

const PATIENCE_MS = 180_000;
const ROOT = resolve(import.meta.dirname, '..');

interface Running {
  output: () => string;
  exit: Promise<number | null>;
  stop: () => void;
}

function runDemo(...options: string[]): Running {
  const child = spawn(process.execPath, ['--import', 'tsx', 'demo/demo.ts', ...options], { cwd: ROOT });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const exit = once(child, 'close').then(([code]: unknown[]) => code as number | null);
  return { output: () => output, exit, stop: () => child.kill('SIGTERM') };
}

it(
  'the demo plays its story to the end, and every push arrives',
  async () => {
    const demo = runDemo();
    const code = await demo.exit;
    const output = demo.output();
    expect({ code, output }).toEqual({ code: 0, output });
    for (const provider of ['APNs', 'FCM', 'HMS', 'Web Push']) expect(output).toContain(`${provider} received`);
    expect(output).toContain('Everything arrived as it should.');
    // No colour where there is no terminal.
    expect(output).not.toContain('\u001b[');
  },
  PATIENCE_MS + 60_000,
);

it(
  'the demo keeps everything running when it is asked to, and says how to send more',
  async () => {
    const demo = runDemo('--keep');
    await expect.poll(demo.output, { timeout: PATIENCE_MS }).toContain('The statistics page: ');
    expect(demo.output()).toMatch(/To Ben's Android phone:\n {2}npm run cli -- send notify /);
    const [, page = '', name = '', password = ''] =
      /The statistics page: (\S+), user (\S+), password (\S+)/.exec(demo.output()) ?? [];
    expect((await fetch(page, { headers: { authorization: basicAuth(name, password) } })).status).toBe(200);
    demo.stop();
    const code = await demo.exit;
    expect({ code, output: demo.output() }).toEqual({ code: 0, output: demo.output() });
  },
  PATIENCE_MS + 60_000,
);
