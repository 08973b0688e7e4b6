/** The arrows of the house, who may import whom, are those of the diagram in docs/architecture.md. */

const { readdirSync } = require('node:fs');
const path = require('node:path');
const { readDiagram } = require('./scripts/architecture-diagram.cjs');

const { arrows, foundation } = readDiagram();
const folders = readdirSync(path.join(__dirname, 'src'), { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? entry.name : [],
);

/** What the words at dotted arrows stand for. */
const ONLY = { decorator: '^src/onion/(onion|legacy)-command\\.decorator\\.ts$', entities: '\\.entity\\.ts$' };

const anyOf = (names) => `^src/(${names.join('|')})/`;
/** A spec may set up whatever its subject meets in real life. */
const inside = (folder) => ({ path: `^src/${folder}/`, pathNot: '\\.spec\\.ts$' });

const notDrawn = folders.map((folder) => {
  const drawn = arrows.filter(({ from }) => from === folder).map(({ to }) => to);
  const mayUse = new Set([folder, ...drawn, ...(foundation.includes(folder) ? [] : foundation)]);
  return {
    name: `arrows-of-${folder}`,
    comment: `the diagram in docs/architecture.md has these arrows from ${folder}: ${drawn.join(', ') || 'none'}`,
    severity: 'error',
    from: inside(folder),
    to: { path: anyOf(folders.filter((other) => !mayUse.has(other))) },
  };
});

const dotted = arrows
  .filter(({ only }) => only !== undefined)
  .map(({ from, to, only }) => ({
    name: `${from}-knows-${only}-of-${to}`,
    severity: 'error',
    from: inside(from),
    to: { path: anyOf([to]), pathNot: ONLY[only] },
  }));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...notDrawn,
    ...dotted,
    {
      name: 'pure-stays-pure',
      comment: 'bytes in, bytes out: Node built-ins, the cipher library, encoding/ and its own folder',
      severity: 'error',
      from: { path: '^src/(onion/protocol|encoding)/', pathNot: '\\.spec\\.ts$' },
      to: {
        dependencyTypesNot: ['core'],
        pathNot: ['^src/(onion/protocol|encoding)/', '^node_modules/(@types/)?libsodium(-wrappers)?/'],
      },
    },
    {
      name: 'protocol-files-are-pure',
      comment:
        '*.protocol.ts is shapes in, shapes out: Node built-ins, uuid, the cipher library, encoding/, its own feature',
      severity: 'error',
      from: { path: '^src/([^/]+)/.*\\.protocol\\.ts$' },
      to: {
        dependencyTypesNot: ['core'],
        pathNot: ['^src/$1/', '^src/encoding/', '^node_modules/(uuid|libsodium(-wrappers)?)/'],
      },
    },
    {
      name: 'pure-without-the-outside-world',
      comment: 'no files, no sockets, no processes in what is pure; http and http2 are there for their constants',
      severity: 'error',
      from: { path: ['^src/(onion/protocol|encoding)/', '\\.protocol\\.ts$'], pathNot: '\\.spec\\.ts$' },
      to: {
        dependencyTypes: ['core'],
        dependencyTypesNot: ['type-only'],
        path: '^(fs|net|tls|dns|child_process|timers|process)(/|$)',
      },
    },
    {
      name: 'delivery-and-providers-know-no-feature',
      comment: 'features hand items in and implement the ports of delivery/; another arrow in the diagram would not do',
      severity: 'error',
      from: { path: '^src/(delivery|providers)/', pathNot: '\\.spec\\.ts$' },
      to: { path: anyOf(['devices', 'closed-groups', 'notifications', 'subscriptions', 'swarms']) },
    },
    {
      name: 'nothing-knows-the-command-line',
      comment: 'the command line stands on top: it uses features, and nothing uses it',
      severity: 'error',
      from: { path: '^src/(?!cli/)' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'redis-for-several-instances-only',
      comment: 'what only several instances need is imported when it is needed, or every server carries 15 MB of it',
      severity: 'error',
      from: { path: '^src/', pathNot: ['/redis/', '^src/cli/', '\\.spec\\.ts$'] },
      to: {
        path: ['^src/redis/', '^src/.+/redis/', '^node_modules/(bullmq|ioredis|@nestjs/bullmq)/'],
        dependencyTypesNot: ['dynamic-import', 'type-only'],
      },
    },
    {
      name: 'postgres-for-one-command-alone',
      comment:
        'moving in from the existing push server is all that it is for, so it is imported when that is asked for',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^node_modules/(@types/)?pg/', dependencyTypesNot: ['dynamic-import', 'type-only'] },
    },
    {
      name: 'postgres-in-its-place',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/v2/' },
      to: { path: '^node_modules/(@types/)?pg/' },
    },
    {
      name: 'product-knows-no-tests',
      severity: 'error',
      from: { path: '^src/', pathNot: '\\.spec\\.ts$' },
      to: { path: ['^(test|gateways|demo|bench|soak|fuzz|siege|scripts)/', '\\.spec\\.ts$'] },
    },
    {
      name: 'gateways-stand-alone',
      comment: 'a stand-in that shared code with what it judges would repeat its mistakes',
      severity: 'error',
      from: { path: '^gateways/', pathNot: '\\.spec\\.ts$' },
      to: { path: '^(src|test|demo)/' },
    },
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'not-to-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-unlisted-package',
      comment: 'package.json lists what is imported, or an update elsewhere takes it away',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-optional', 'npm-bundled'] },
    },
    {
      name: 'no-dev-package-in-product',
      severity: 'error',
      from: { path: '^src/', pathNot: '\\.spec\\.ts$' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: '^node_modules/@types/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
