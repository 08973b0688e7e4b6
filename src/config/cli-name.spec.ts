import { describe, expect, it } from 'vitest';
import { cliName } from './cli-name.js';

describe('the command line is called', () => {
  it.each([
    ['npm run cli -- in the project’s folder', 'npm run cli --', '/srv/push/dist/cli/main.js', 'cli', '/srv/push'],
    ['npm run cli -- by a server of npm start', 'npm run cli --', '/srv/push/dist/main.js', 'start', '/srv/push'],
    ['by its name where it is installed', 'session-push', '/usr/local/bin/session-push', undefined, '/srv'],
    ['by its name where npx runs it', 'session-push', '/srv/push/node_modules/.bin/session-push', 'npx', '/srv/push'],
    ['with its file in the image', 'node dist/cli/main.js', '/app/dist/cli/main.js', undefined, '/app'],
    ['with its file by a server in the image', 'node dist/cli/main.js', '/app/dist/main.js', undefined, '/app'],
    [
      'with its whole path under systemd',
      'node /opt/session-push/dist/cli/main.js',
      '/opt/session-push/dist/main.js',
      undefined,
      '/var/lib/session-push',
    ],
    ['by its name otherwise', 'session-push', '/srv/push/test.js', undefined, '/srv/push'],
  ])('%s', (_how, name, script, npmScript, folder) => {
    expect(cliName({ script, npmScript, folder })).toBe(name);
  });
});
