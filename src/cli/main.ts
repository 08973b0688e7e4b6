import { keepCompiledCode } from '../common/start/compile-cache.js';
import { requireSupportedNode } from '../common/start/node-version.js';
import { waitForSlowHandshakes } from '../common/bounds/slow-handshakes.js';

requireSupportedNode();
keepCompiledCode();
waitForSlowHandshakes();
// Keys, databases and exports that a command makes are for its own user, as those of the server are.
process.umask(0o077);
// The reader of a pipe may close it early (`| head`); the command goes on.
for (const output of [process.stdout, process.stderr]) output.on('error', ignoreBrokenPipe);
const { runCli } = await import('./program.js');
process.exitCode = await runCli(process.argv.slice(2));

function ignoreBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
