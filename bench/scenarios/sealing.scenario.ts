import { type Bench } from '../bench.js';
import { type Population } from '../database/population.js';
import { seedPopulation } from '../database/seed.js';
import { type BenchCommand } from '../load/load-orders.js';
import { SMALL_POPULATION } from '../load/loads.js';
import { compareCpu, type Side } from '../measure/cpu-ratio.js';
import { showNumber, showSpread } from '../measure/spread.js';
import { type Table } from '../../test/support/report/markdown-table.js';
import { type Section } from '../report/section.js';
import { type StartedServer } from '../servers/target.js';

const COLUMNS = ['CPU µs each', 'as they are', 'sealed', 'ratio'];
const COMMANDS: readonly (readonly [name: string, command: BenchCommand])[] = [
  ['notify an id', 'notify'],
  ['register', 'register'],
  ['register again', 'refresh'],
];

interface SealingSide extends Side {
  readonly server: StartedServer;
}

/** What it costs to store ids and tokens sealed, on SQLite; and the first start with a key, which seals what is there. */
export async function sealing(bench: Bench): Promise<Section> {
  const plain = await openSide(bench, SMALL_POPULATION);
  const sealed = await openSide(bench, SMALL_POPULATION, keyOf('small'));
  const rows: string[][] = [];
  for (const [name, command] of COMMANDS) {
    bench.progress(`sealing: ${name}`);
    const { a, b, ratio } = await compareCpu(bench, command, plain, sealed, bench.options.requests);
    rows.push([name, showSpread(a), showSpread(b), showSpread(ratio, 2)]);
  }
  for (const side of [plain, sealed]) await close(side);
  const costs: Table = { columns: COLUMNS, rows };
  return {
    name: 'sealing',
    parts: [costs, 'The first start with a data key, on a database of before:', await measureConversion(bench)],
  };
}

async function measureConversion(bench: Bench): Promise<Table> {
  const { ids, groups } = bench.options;
  bench.progress(`sealing: ${showNumber(ids)} ids that are stored already`);
  const side = await openSide(bench, { ids, groups }, keyOf('large'));
  await close(side);
  return {
    columns: ['ids', 'groups', 'start to listening, s'],
    rows: [[showNumber(ids), showNumber(groups), showNumber(side.server.startMs / 1000, 1)]],
  };
}

/** The server makes the key. */
const keyOf = (name: string): Record<string, string> => ({ DATA_KEY_FILE: `${name}.data.key` });

async function openSide(bench: Bench, population: Population, env: Record<string, string> = {}): Promise<SealingSide> {
  const database = await bench.createDatabase('sqlite');
  await seedPopulation(database, population, bench.progress);
  return { population, database, server: await bench.startServer(database, env) };
}

async function close({ server, database }: SealingSide): Promise<void> {
  await server.stop();
  await database.drop();
}
