import { keepCompiledCode } from './common/start/compile-cache.js';
import { requireSupportedNode } from './common/start/node-version.js';
import { waitForSlowHandshakes } from './common/bounds/slow-handshakes.js';

requireSupportedNode();
keepCompiledCode();
waitForSlowHandshakes();
const { runServer } = await import('./server/run-server.js');
await runServer();
