import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { nodeVersionProblem, requireSupportedNode } from './node-version.js';

describe('nodeVersionProblem', () => {
  it.each(['22.16.0', '22.23.3', '24.11.0', '24.21.0', '25.0.0', '26.3.1', '100.0.0'])('accepts %s', (version) => {
    expect(nodeVersionProblem(version)).toBeNull();
  });

  it.each(['8.17.0', '18.20.4', '20.20.2', '22.9.0', '22.15.1', '23.11.0', '24.0.0', '24.10.9'])(
    'refuses %s and says what is needed in one line',
    (version) => {
      expect(nodeVersionProblem(version)).toBe(
        `This is Node.js ${version}, and the server needs Node.js 22.16 or a later 22, or 24.11 or later.`,
      );
    },
  );

  it('says the same as package.json', () => {
    const { engines } = JSON.parse(readFileSync('package.json', 'utf8')) as { engines: { node: string } };
    expect(engines.node).toBe('^22.16.0 || >=24.11.0');
  });
});

describe('requireSupportedNode', () => {
  it('lets the Node.js of this run pass', () => {
    expect(() => requireSupportedNode()).not.toThrow();
  });

  it('ends the process with the sentence and status 1 on another', () => {
    const entry = `import('./src/common/start/node-version.ts').then((it) => it.requireSupportedNode('20.20.2'))`;
    const run = spawnSync(process.execPath, ['--import', 'tsx', '-e', entry], { encoding: 'utf8' });
    expect(run.status).toBe(1);
    expect(run.stderr).toBe(`${nodeVersionProblem('20.20.2')}\n`);
  });
});
