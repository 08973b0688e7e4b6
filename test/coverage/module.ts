import v8 from '@vitest/coverage-v8';
import { type CoverageProviderModule } from 'vitest/node';
import { CompiledCoverageProvider } from './compiled-coverage-provider.js';

/**
 * Vitest's own collection of coverage, that of the processes that tests spawn included, and our reading of it. It keeps
 * its state in its own object, and this module is loaded several times.
 */
const module: CoverageProviderModule = {
  startCoverage: (options) => v8.startCoverage?.(options),
  takeCoverage: (options) => v8.takeCoverage?.(options),
  stopCoverage: (options) => v8.stopCoverage?.(options),
  getProvider: () => new CompiledCoverageProvider(),
};

export default module;
