import { requireSupportedNode } from './common/node-version.js';

requireSupportedNode();
const { runServer } = await import('./server.js');
await runServer();
