#!/usr/bin/env node
// What `bin` names. A build makes dist/ anew, and with it would go the mode that npm gave to a file in there.
await import(new URL('../dist/cli/main.js', import.meta.url).href);
