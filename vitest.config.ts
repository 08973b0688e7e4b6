import { defineConfig } from 'vitest/config';

/** Sockets, databases and processes on a shared, noisy machine. What needed a second try is told at the end of the run. */
const SECOND_TRIES = process.env.CI ? 1 : 0;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.spec.ts', 'gateways/**/*.spec.ts', 'bench/**/*.spec.ts', 'test/docs/**/*.spec.ts'],
          pool: 'forks',
          // As the specs that `nest generate` writes expect it; those of the house import what they use.
          globals: true,
          testTimeout: 30_000,
          hookTimeout: 30_000,
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
      provider: 'v8',
      include: ['src/**/*.ts'],
      // They run in processes of their own, whose coverage is not collected: it would take longer than the tests.
      exclude: ['src/main.ts', 'src/server/**', 'src/cli/**', 'src/**/*.process.ts'],
      reporter: ['text', 'html'],
      reportOnFailure: true,
      thresholds: {
        lines: 90,
        'src/{onion/protocol,encoding}/**/*.ts': { lines: 100, branches: 100 },
        'src/**/*.protocol.ts': { lines: 100, branches: 100 },
      },
    },
  },
});
