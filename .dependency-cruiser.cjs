/** The arrows of the house: who may import whom. Everything may use config, common, database, metrics and operator. */

const FEATURES = ['alerts', 'closed-groups', 'dashboard', 'devices', 'health', 'notifications', 'onion', 'statistics'];

/** What each feature may import of the others. A command needs onion's decorator and nothing else of it. */
const ARROWS = {
  onion: [],
  devices: [],
  'closed-groups': ['devices'],
  statistics: ['devices'],
  notifications: ['devices', 'closed-groups', 'statistics'],
  health: ['notifications'],
  dashboard: ['devices', 'health', 'statistics'],
  alerts: ['devices', 'statistics'],
};

const DECORATOR = '^src/onion/onion-command\\.decorator\\.ts$';

const arrows = Object.entries(ARROWS).map(([feature, allowed]) => ({
  name: `arrows-of-${feature}`,
  comment: allowed.length > 0 ? `${feature} knows ${allowed.join(', ')} only` : `${feature} knows no other feature`,
  severity: 'error',
  // A spec may set up whatever its subject meets in real life.
  from: { path: `^src/${feature}/`, pathNot: '\\.spec\\.ts$' },
  to: {
    path: `^src/(${FEATURES.filter((other) => other !== feature && !allowed.includes(other)).join('|')})/`,
    pathNot: DECORATOR,
  },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...arrows,
    {
      name: 'foundation-knows-no-feature',
      comment: 'below every feature; the database knows their entities and nothing else of them',
      severity: 'error',
      from: { path: '^src/(config|common|database|metrics|operator)/', pathNot: '\\.spec\\.ts$' },
      to: { path: `^src/(${FEATURES.join('|')})/`, pathNot: '\\.entity\\.ts$' },
    },
    {
      name: 'only-database-knows-entities',
      severity: 'error',
      from: { path: '^src/(config|common|metrics|operator)/', pathNot: '\\.spec\\.ts$' },
      to: { path: '\\.entity\\.ts$' },
    },
    {
      name: 'protocol-is-pure',
      comment: 'onion/protocol is bytes in, bytes out: Node built-ins, the cipher library and its own folder',
      severity: 'error',
      from: { path: '^src/onion/protocol/', pathNot: '\\.spec\\.ts$' },
      to: {
        dependencyTypesNot: ['core'],
        pathNot: ['^src/onion/protocol/', '^node_modules/(@types/)?libsodium(-wrappers)?/'],
      },
    },
    {
      name: 'protocol-files-are-pure',
      comment: '*.protocol.ts is shapes in, shapes out: Node built-ins, uuid and its own folder',
      severity: 'error',
      from: { path: '^(src/.+)/[^/]+\\.protocol\\.ts$' },
      to: { dependencyTypesNot: ['core'], pathNot: ['^$1/', '^node_modules/uuid/'] },
    },
    {
      name: 'pure-without-the-outside-world',
      comment: 'no files, no sockets, no processes in what is pure; http and http2 are there for their constants',
      severity: 'error',
      from: { path: ['^src/onion/protocol/', '\\.protocol\\.ts$'], pathNot: '\\.spec\\.ts$' },
      to: {
        dependencyTypes: ['core'],
        dependencyTypesNot: ['type-only'],
        path: '^(fs|net|tls|dns|child_process|timers|process)(/|$)',
      },
    },
    {
      name: 'nothing-knows-the-command-line',
      comment: 'the command line stands on top: it uses features, and nothing uses it',
      severity: 'error',
      from: { path: '^src/(?!cli/)' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'product-knows-no-tests',
      severity: 'error',
      from: { path: '^src/', pathNot: '\\.spec\\.ts$' },
      to: { path: ['^(test|gateways|demo|bench|soak|fuzz|scripts)/', '\\.spec\\.ts$'] },
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
