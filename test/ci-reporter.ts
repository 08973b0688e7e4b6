import type { Reporter, TestCase, TestModule } from 'vitest/node';

/**
 * Closes a run, below whatever coverage prints, with what failed, what passed at the second try only, and one line that a
 * program can count: whoever sees nothing but the end of a log sees what is wrong.
 */
export default class CiReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const count = { passed: 0, failed: errors.length, skipped: 0, pending: 0 };
    const lines = errors.map((error) => `failed: outside of a test${firstLine([error])}`);
    for (const module of modules) {
      const tests = [...module.children.allTests()];
      for (const test of tests) {
        const { state, errors: reasons } = test.result();
        count[state]++;
        if (state === 'failed') lines.push(`failed: ${nameOf(test)}${firstLine(reasons)}`);
        if (test.diagnostic()?.flaky) lines.push(`passed at the second try: ${nameOf(test)}${firstLine(reasons)}`);
      }
      // A file that does not load, or whose hooks fail, has no failed test of its own.
      if (module.state() === 'failed' && !tests.some((test) => test.result().state === 'failed')) {
        count.failed++;
        lines.push(`failed: ${module.relativeModuleId}${firstLine(module.errors())}`);
      }
    }
    lines.push(`tests: ${count.passed} passed, ${count.failed} failed, ${count.skipped + count.pending} skipped`);
    process.once('exit', () => console.log(`\n${lines.join('\n')}`));
  }
}

const nameOf = ({ fullName, module }: TestCase): string => `${module.relativeModuleId} > ${fullName}`;

function firstLine(reasons: readonly unknown[] | undefined): string {
  const [reason] = reasons ?? [];
  if (typeof reason !== 'object' || reason === null || !('message' in reason)) return '';
  return ` — ${String(reason.message).split('\n')[0]}`;
}
