import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makeCredentials } from '../gateways/certificates.js';
import { PrivateStorages, type StorageKind } from '../test/support/load/private-storages.js';
import { describeCircumstances } from '../test/support/report/circumstances.js';
import { writeBetweenMarks } from '../test/support/report/marked-document.js';
import { type Size } from './ground.js';
import { problemsOf, renderOutcomes } from './report.js';
import { allAttacks, besiege, MARIADB_SETTINGS, type Outcome, storageFor } from './siege.js';

const FULL: Size = { seconds: 30, members: 1000, connections: 6000 };
const QUICK: Size = { seconds: 8, members: 100, connections: 6000 };

const STORAGES = { sqlite: 'SQLite', redis: 'MariaDB and Redis' } as const satisfies Partial<
  Record<StorageKind, string>
>;
const KINDS = Object.keys(STORAGES) as (keyof typeof STORAGES)[];
const NAMES = allAttacks().map(({ name }) => name);

const HELP = `Attacks the built server as strangers can, beside well-behaved people, and tells what these got.

  npm run siege -- [--quick] [--only A,B] [--storage A,B] [--write]

  --quick        ${QUICK.seconds} seconds for each attack instead of ${FULL.seconds}, and smaller groups
  --only A,B     of ${NAMES.join(', ')}
  --storage A,B  sqlite: ids and queue on SQLite; redis: ids on MariaDB, the queue on Redis (packets: on MariaDB), private ones
                 (both when absent)
  --write        also put the table into docs/reliability.md
  --help         this text

Three people with a phone of each kind and a closed group get four messages a second; in the attacks on today's API somebody
has subscribed, too. Each attack has a server, databases and stand-in push services of its own; these answer made-up tokens as
the providers document. Exits with 1 when a push did not arrive within a minute after the attack or took more than 10 s, a request of
the people was refused, not answered or answered after more than 20 s, or the server ended.
`;

const args = process.argv.slice(2);
const options = readOptions();
if (options === 'help') process.stdout.write(HELP);
else if (options === null) {
  process.stderr.write(HELP);
  process.exitCode = 2;
} else process.exitCode = await run(options);

type Options = Exclude<ReturnType<typeof readOptions>, 'help' | null>;

function readOptions() {
  const [text, flag] = [{ type: 'string' } as const, { type: 'boolean' } as const];
  try {
    const { values } = parseArgs({
      args,
      options: { quick: flag, only: text, storage: text, write: flag, help: flag },
    });
    if (values.help) return 'help';
    const only = values.only?.split(',') ?? NAMES;
    const storages = values.storage?.split(',') ?? KINDS;
    if (!only.every((name) => NAMES.includes(name))) return null;
    if (!storages.every((name) => KINDS.some((kind) => kind === name))) return null;
    return {
      size: values.quick ? QUICK : FULL,
      only,
      storages: KINDS.filter((kind) => storages.includes(kind)),
      write: values.write ?? false,
    };
  } catch {
    return null;
  }
}

async function run({ size, only, storages, write }: Options): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'spns-siege-'));
  const servers = new PrivateStorages(folder, MARIADB_SETTINGS);
  try {
    const circumstances = describeCircumstances(
      'siege',
      args,
      'nothing pinned, attackers and people on the same cores',
      folder,
    );
    const credentials = await makeCredentials();
    const problems: string[] = [];
    for (const kind of storages) {
      const outcomes: Outcome[] = [];
      for (const attack of allAttacks().filter(({ name }) => only.includes(name))) {
        try {
          const outcome = await besiege(attack, await storageFor(attack, kind, servers), size, credentials);
          outcomes.push(outcome);
          problems.push(...problemsOf(outcome).map((problem) => `${STORAGES[kind]}: ${problem}`));
          process.stderr.write(`${STORAGES[kind]}: ${attack.name}, ${outcome.delivered} of ${outcome.sent}\n`);
        } catch (error) {
          // The others are worth their time all the same.
          const reason = error instanceof Error ? error.message.split('\n', 1)[0] : 'unknown error';
          problems.push(`${STORAGES[kind]}: ${attack.name} could not be run: ${reason}`);
          process.stderr.write(`${problems.at(-1)}\n`);
        }
      }
      const markdown = `${circumstances}\n\n${renderOutcomes(outcomes)}`;
      process.stdout.write(`\n## ${STORAGES[kind]}\n\n${markdown}\n`);
      if (write) await writeBetweenMarks('reliability.md', `siege:${kind}`, markdown);
    }
    for (const problem of problems) process.stdout.write(`PROBLEM ${problem}\n`);
    return problems.length === 0 ? 0 : 1;
  } finally {
    await servers.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
