import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.spec.ts', 'gateways/**/*.spec.ts'],
          pool: 'forks',
          testTimeout: 15_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/**/*.e2e-spec.ts'],
          pool: 'forks',
          testTimeout: 30_000,
          hookTimeout: 30_000,
          // Processes, databases and sockets on a shared, noisy machine; the unit specs get no second chance.
          retry: process.env.CI ? 1 : 0,
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
      // Its commands run as processes of their own (test/cli), where the coverage of this one does not reach.
      exclude: ['src/cli/**'],
      reporter: ['text', 'html'],
      reportOnFailure: true,
      thresholds: {
        lines: 90,
        'src/onion/protocol/**/*.ts': { lines: 100, branches: 100 },
      },
    },
  },
});
