import { type ScriptCoverageWithOffset, V8CoverageProvider } from '@vitest/coverage-v8/dist/provider.js';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type TestProject } from 'vitest/node';

const DIST = resolve(import.meta.dirname, '../../dist');

/** Its specs run all of it, and its branches are counted: a second compilation has other ones. */
const COUNTED_IN_SPECS = `${DIST}/onion/protocol/`;

interface CoverageFile {
  result: ScriptCoverageWithOffset[];
}

type Reading = Parameters<V8CoverageProvider['readCoverageFiles']>[0];
type Transformed = Awaited<ReturnType<V8CoverageProvider['transformFile']>>;

const isCompiled = (file: string): boolean => file.startsWith(`${DIST}/`) && !file.startsWith(COUNTED_IN_SPECS);

/** Counts what spawned processes run of `dist/` on the sources that it was compiled from. */
export class CompiledCoverageProvider extends V8CoverageProvider {
  override isIncluded(file: string, root?: string): boolean {
    return isCompiled(file) || super.isIncluded(file, root);
  }

  /** What runs as TypeScript in a process of its own was compiled in a way that is not known here: it does not count. */
  override readCoverageFiles(reading: Reading): Promise<void> {
    return super.readCoverageFiles<CoverageFile>({
      ...reading,
      onFileRead: ({ result }) =>
        reading.onFileRead({
          result: result.filter(({ url, isExtendedContext }) => !isExtendedContext || isCompiled(fileURLToPath(url))),
        }),
    });
  }

  override async transformFile(
    file: string,
    project: TestProject,
    environment: string,
    byVite?: boolean,
  ): Promise<Transformed> {
    if (!isCompiled(file)) return super.transformFile(file, project, environment, byVite);
    const [code, map] = await Promise.all([readFile(file, 'utf8'), readFile(`${file}.map`, 'utf8')]);
    return { code, map: JSON.parse(map) };
  }
}
