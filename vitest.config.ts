import { defineConfig } from 'vitest/config';

/** Sockets, databases and processes on a shared, noisy machine. What needed a second try is told at the end of the run. */
const SECOND_TRIES = process.env.CI ? 1 : 0;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.spec.ts', 'gateways/**/*.spec.ts', 'test/docs/**/*.spec.ts'],
          pool: 'forks',
          testTimeout: 30_000,
          retry: SECOND_TRIES,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/**/*.e2e-spec.ts'],
          pool: 'forks',
          testTimeout: 90_000,
          hookTimeout: 90_000,
          retry: SECOND_TRIES,
        },
      },
    ],
    // Here and not in the projects: one MariaDB and one Redis serve both of them.
    globalSetup: ['./test/support/mariadb.global-setup.ts', './test/support/redis.global-setup.ts'],
    maxWorkers: 2,
    reporters: ['default', './test/ci-reporter.ts'],
    coverage: {
      provider: 'custom',
      customProviderModule: './test/coverage/module.ts',
      include: ['src/**/*.ts'],
      // Node passes NODE_V8_COVERAGE on to what it spawns, unless the environment of that names it.
      autoAttachSubprocess: true,
      reporter: ['text', 'html'],
      reportOnFailure: true,
      thresholds: {
        lines: 90,
        'src/onion/protocol/**/*.ts': { lines: 100, branches: 100 },
      },
    },
  },
});
