// `npm run generate -- service tea`: what `nest generate` writes, in the style of this project. Its own --format knows no .prettierrc.
import { spawnSync } from 'node:child_process';

const run = (command, args, stdio) =>
  spawnSync(command, args, { stdio, encoding: 'utf8', shell: process.platform === 'win32' });

const { status, stdout } = run('nest', ['generate', ...process.argv.slice(2)], ['inherit', 'pipe', 'inherit']);
process.stdout.write(stdout);
const written = [...stdout.matchAll(/(?:CREATE|UPDATE)\S* (\S+\.ts)/g)].map(([, file]) => file);
if (written.length > 0) run('prettier', ['--log-level', 'warn', '--write', ...written], 'inherit');
process.exitCode = status ?? 1;
