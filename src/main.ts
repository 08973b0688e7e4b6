import { keepCompiledCode } from './common/compile-cache.js';
import { requireSupportedNode } from './common/node-version.js';
import { waitForSlowHandshakes } from './common/slow-handshakes.js';

requireSupportedNode();
keepCompiledCode();
waitForSlowHandshakes();
const { runServer } = await import('./server/run-server.js');
await runServer();
