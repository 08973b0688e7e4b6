import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const read = (file: string): string => readFileSync(file, 'utf8');

describe('ops/session-push.service', () => {
  const unit = read('ops/session-push.service').split('\n');

  it('writes no core dumps, bounds the memory, and waits for a clock that is right', () => {
    expect(unit).toContain('LimitCORE=0');
    expect(unit.some((line) => /^MemoryMax=\d+[MG]$/.test(line))).toBe(true);
    for (const setting of ['After', 'Wants']) {
      expect(unit.some((line) => line.startsWith(`${setting}=`) && line.includes(' time-sync.target'))).toBe(true);
    }
  });

  it('listens on the loopback, behind a proxy, with a listener of his own for the operator', () => {
    expect(unit.join('\n')).toMatch(/^Environment=HOST=127\.0\.0\.1 .*OPERATOR_HOST=127\.0\.0\.1 OPERATOR_PORT=\d+$/m);
  });
});

it.each(['Dockerfile', 'ops/session-push.service'])('%s keeps memory to one arena', (file) => {
  expect(read(file)).toMatch(/^(ENV|Environment=).*\bMALLOC_ARENA_MAX=1\b/m);
});

describe('credentials under systemd', () => {
  const unit = read('ops/session-push.service');

  it('are handed over as copies, at the paths that the settings name', () => {
    const copies = [...unit.matchAll(/^#?LoadCredential=([\w.]+):\/etc\/session-push\/\1$/gm)].map(([, name]) => name);
    const named = [...unit.matchAll(/^# +[A-Z_]+_FILE=\$CREDENTIALS_DIRECTORY\/(\S+)$/gm)];
    expect(copies.length).toBeGreaterThan(0);
    expect(named.map(([, name]) => name)).toEqual(copies);
  });
});

describe('compose.yaml', () => {
  const compose = read('compose.yaml').replaceAll(/^ *#.*\n/gm, '');

  it('gives the operator a listener of his own, and both ports to the loopback alone', () => {
    expect(compose).toMatch(/^ +OPERATOR_HOST: \S+$/m);
    const port = /^ +OPERATOR_PORT: '(\d+)'$/m.exec(compose)?.[1];
    const published = [...compose.matchAll(/^ +ports:\n((?: +- .+\n)+)/gm)].flatMap(([, list = '']) =>
      list.match(/[\d.:]+/g),
    );
    expect(published).toEqual(['127.0.0.1:3000:3000', `127.0.0.1:${port}:${port}`]);
  });
});

describe('ops/kubernetes.yaml', () => {
  const manifest = read('ops/kubernetes.yaml');

  it('asks the server at paths that it has, and keeps the operator’s port to the pod', () => {
    const paths = [...manifest.matchAll(/path: (\S+), port: (\w+)/g)].map(([, path, port]) => `${port} ${path}`);
    expect(paths).toEqual(['onion /healthz', 'onion /healthz', 'onion /health/ready']);
    expect(manifest).toContain('name: OPERATOR_HOST, value: 127.0.0.1');
    expect(manifest).not.toMatch(/containerPort: 3001/);
  });

  it('runs as the user of the image, on a root file system that cannot be written', () => {
    expect(read('Dockerfile')).toContain('USER node');
    for (const setting of ['runAsNonRoot: true', 'readOnlyRootFilesystem: true', 'drop: [ALL]']) {
      expect(manifest).toContain(setting);
    }
  });
});

describe('images', () => {
  /** Those that others make; the one in ops/kubernetes.yaml is built from the Dockerfile. */
  const defaults = [
    ...[...read('Dockerfile').matchAll(/^ARG [A-Z]+_IMAGE=(\S+)$/gm)].map(([, image = '']) => image),
    ...[...read('compose.yaml').matchAll(/\$\{[A-Z]+_IMAGE:-([^}]+)\}/g)].map(([, image = '']) => image),
  ];
  const images = [
    ...[...read('Dockerfile').matchAll(/^FROM (\S+)/gm)].map(([, image = '']) => image),
    ...[...read('compose.yaml').matchAll(/^ +image: (\S+)/gm)].map(([, image = '']) => image),
  ];

  it('can all be named by digest, as docs/operating.md says', () => {
    const operating = read('docs/operating.md');
    expect(images.length).toBe(5);
    for (const image of images) {
      const [, name = 'none'] = /^\$\{([A-Z]+_IMAGE)(?::-[^}]+)?\}$/.exec(image) ?? [];
      expect(operating).toContain(`${name}=`);
    }
  });

  it('have a version and a digest, the same in every file', () => {
    expect(defaults).toHaveLength(4);
    for (const image of defaults) expect(image).toMatch(/^[a-z/]+:\d+\.\d[\w.-]*@sha256:[0-9a-f]{64}$/);
    expect(new Set(defaults).size).toBe(3);
    const shipped = read('ops/kubernetes.yaml').match(/^ +image: \S+/gm) ?? [];
    expect(shipped.map((line) => line.trim())).toEqual([expect.stringMatching(/^image: session-push:\d+\.\d+\.\d+$/)]);
  });

  it('have the Node.js that the project brings along', () => {
    expect(defaults[0]).toMatch(new RegExp(`^node:${read('.nvmrc').trim().replaceAll('.', '\\.')}-`));
  });

  it('are free software: Valkey in the place of Redis', () => {
    expect(images.filter((image) => /\bredis:/.test(image))).toEqual([]);
  });
});

describe('.nvmrc', () => {
  it('names the Node.js that the project brings along', () => {
    const { devDependencies } = JSON.parse(read('package.json')) as { devDependencies: Record<string, string> };
    expect(read('.nvmrc').trim()).toBe(devDependencies['node']);
  });
});

describe('files for proxies', () => {
  const PATHS = ['/loki/v2/lsrpc', '/oxen/v4/lsrpc'];

  it('pass the two paths of onion requests, to the public port, and nothing else', () => {
    const nginx = read('ops/nginx.conf');
    const locations = [...nginx.matchAll(/^ +location (.+) \{\n([^}]*(?:\}[^}]*)?)\n  \}$/gm)];
    const passed = locations.filter(([, , block = '']) => block.includes('proxy_pass '));
    expect(passed.map(([, which]) => which)).toEqual(PATHS.map((path) => `= ${path}`));
    expect(locations.filter((location) => !passed.includes(location)).map(([, which]) => which)).toEqual(['/']);
    expect(nginx.match(/^ +server \S+:\d+;/gm)).toEqual(['  server 127.0.0.1:3000;']);

    const caddy = read('ops/Caddyfile');
    expect(/^\t\tpath (.+)$/m.exec(caddy)?.[1]?.split(' ')).toEqual(PATHS);
    expect(caddy.match(/^\thandle.*$/gm)).toEqual(['\thandle @onion {', '\thandle {']);
    expect(caddy.match(/reverse_proxy \S+/g)).toEqual(['reverse_proxy 127.0.0.1:3000']);
    expect(caddy).toMatch(/handle \{\n\t\trespond 404\n\t\}/);
  });

  it('bound connections, and bodies to what the server takes', () => {
    const nginx = read('ops/nginx.conf');
    for (const setting of ['limit_conn ', 'limit_req ', 'client_max_body_size 1m;']) expect(nginx).toContain(setting);
    const caddy = read('ops/Caddyfile');
    for (const setting of ['read_header ', 'read_body ']) expect(caddy).toContain(setting);
    // It would answer 502; the server answers 413.
    expect(caddy).not.toContain('max_size');
  });
});
