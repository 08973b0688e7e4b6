import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { buildProgram } from '../../src/cli/program.js';
import { CALLED, runCommand } from '../support/command-line.js';
import { inFolder } from '../support/spawned-server.js';

const run = (...args: string[]) => inFolder((folder) => runCommand(args, { folder }));

/** The words of each command that does something; a group alone only explains itself. */
const wordsOf = (command: Command): string[][] =>
  command.commands.length === 0
    ? [[command.name()]]
    : command.commands.flatMap(wordsOf).map((words) => [command.name(), ...words]);

const COMMANDS = buildProgram().commands.flatMap(wordsOf);

describe('the command line', () => {
  it.each(COMMANDS)('explains %s %s with an example', async (...command) => {
    const { code, stdout } = await run(...command, '--help');
    expect(code).toBe(0);
    expect(stdout).toContain(`Examples:\n  $ ${CALLED} ${command.join(' ')}`);
  });

  it.each(COMMANDS)('is documented: %s %s', (group, ...rest) => {
    const rows = readFileSync('docs/cli.md', 'utf8').split('\n');
    const ofGroup = rows.filter((row) => new RegExp(`^\\| [^|]*\`${group}\\b`).test(row)).join('\n');
    expect(ofGroup).not.toBe('');
    for (const word of rest) expect(ofGroup).toMatch(new RegExp(`\\b${word}\\b`));
  });

  it('tells its version', async () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as {
      version: string;
    };
    expect(await run('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it.each([
    ['no command', []],
    ['an unknown command', ['frobnicate']],
    ['an unknown option', ['stats', '--frobnicate']],
    ['a date that is none', ['stats', '--from', '2026-02-30']],
    ['days that are no number', ['devices', 'prune', '--unseen-days', '1e3']],
    ['days that are missing', ['devices', 'prune']],
    ['an unknown provider', ['suspects', 'release', '--provider', 'adm']],
    ['an unknown resolution', ['import-v1', 'x.db', '--on-conflict', 'oldest']],
    ['an address without --full', ['check', '--url', 'https://push.example.org']],
    ['what is full and offline', ['check', '--full', '--offline']],
    ['an address that is no Postgres', ['import-v2', 'mysql://localhost/spns']],
    ['a key that is too short', ['send', 'notify', '--public-key', 'abcd']],
    ['an address that is none', ['send', 'notify', '--url', 'push.example.org']],
    ['a cipher that version 2 does not know', ['send', 'notify', '--onion', 'v2', '--cipher', 'xchacha20']],
    ['a time that ends before it begins', ['stats', '--from', '2027-01-01', '--to', '2025-01-01']],
  ])('ends with 2 on %s', async (_, args) => {
    const { code, stdout, stderr } = await run(...args);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).not.toBe('');
  });

  it('does not mind a reader that has seen enough', async () => {
    const child = spawn(process.execPath, ['dist/cli/main.js', '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    const [stderr] = await Promise.all([text(child.stderr), once(child, 'close')]);
    expect({ code: child.exitCode, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('can be run by its name, before a build and after it', () => {
    const { bin } = JSON.parse(readFileSync('package.json', 'utf8')) as { bin: Record<string, string> };
    const help = execFileSync(bin['session-push'] ?? '', ['--version'], { encoding: 'utf8' });
    expect(help).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(bin['session-push']).not.toContain('dist');
  });

  it('ends with 1 and one sentence when the configuration is wrong', async () => {
    const { code, stdout, stderr } = await inFolder((folder) =>
      runCommand(['devices', 'count'], { folder, env: { PORT: 'eighty' } }),
    );
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('PORT must be a port number');
    expect(stderr).not.toContain('    at ');
  });

  it.each([[['stats']], [['devices', 'count']], [['suspects', 'list']], [['import-v1', 'package.json']]])(
    'makes no database for %s',
    async (args) => {
      await inFolder(async (folder) => {
        const { code, stderr } = await runCommand(args, { folder });
        expect(code).toBe(1);
        expect(stderr).toMatch(/^There is no (database at|file) \/\S+[/](data\/session-push\.sqlite|package\.json)\./);
      });
    },
  );

  it('says in one line, without a stack or a password, that the database cannot be reached', async () => {
    const env = { DATABASE_URL: 'mysql://somebody:pass-word@127.0.0.1:1/push' };
    const { code, stderr } = await inFolder((folder) => runCommand(['devices', 'count'], { folder, env }));
    expect(code).toBe(1);
    expect(stderr).toBe('mysql://127.0.0.1:1/push: The database cannot be reached, check DATABASE_URL.\n');
  });
});
