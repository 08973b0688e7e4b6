#!/usr/bin/env node
import { requireSupportedNode } from '../common/node-version.js';

requireSupportedNode();
// Keys, databases and exports that a command makes are for its own user, as those of the server are.
process.umask(0o077);
const { runCli } = await import('./program.js');
process.exitCode = await runCli(process.argv.slice(2));
