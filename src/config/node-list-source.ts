/** One place from which the list of service nodes comes. */
export type NodeListSource =
  | {
      /** An oxend that speaks OxenMQ. */
      readonly kind: 'oxenmq';
      readonly address:
        | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
        | { readonly kind: 'ipc'; readonly path: string };
      /** Its X25519 key in hex; null = a listener without keys. */
      readonly key: string | null;
    }
  | { readonly kind: 'json-rpc'; readonly url: string };

/** The networks whose sources are built in: seeds that everybody may ask. Keys and hosts of theirs may change with time. */
const BUILT_IN: Readonly<Record<string, string>> = {
  mainnet: [
    'curve://storage.seed1.loki.network:22027/63089194d7ed97c9bb9c1112501b09be1b4b8ff026ceeb339532ce240da03178',
    'curve://public-eu.optf.ngo:22027/3c157ed3c675f56280dc5d8b2f00b327b5865c127bf2c6c42becc3ca73d9132b',
    'curve://imaginary.stream:22027/c0cab39382531e5b6c6325c0f980e9ffb79b20a4c82bb96571f1ffdc3ee76d58',
    'https://seed1.getsession.org:4443/json_rpc',
    'https://seed2.getsession.org:4443/json_rpc',
    'https://seed3.getsession.org:4443/json_rpc',
  ].join(','),
  testnet: [
    'curve://storage.seed2.loki.network:38161/80adaead94db3b0402a6057869bdbe63204a28e93589fd95a035480ed6c03b45',
    'http://public.session.foundation:38157/json_rpc',
  ].join(','),
};

/** Whether a value of `NODE_LIST` is a network with built-in sources. */
export function isBuiltInNetwork(value: string): boolean {
  return Object.hasOwn(BUILT_IN, value);
}

/** Reads `NODE_LIST`: the name of a network, or sources with commas between. Null when one of them cannot be read. */
export function parseNodeListSources(value: string): NodeListSource[] | null {
  const list = isBuiltInNetwork(value) ? (BUILT_IN[value] ?? '') : value;
  const sources = list.split(',').map((source) => parseSource(source.trim()));
  return sources.every((source) => source !== null) ? sources : null;
}

function parseSource(text: string): NodeListSource | null {
  if (!URL.canParse(text)) return null;
  const { protocol, hostname, port, pathname, search, hash, username, password } = new URL(text);
  if (username !== '' || password !== '' || hash !== '') return null;
  switch (protocol) {
    case 'http:':
    case 'https:':
      return { kind: 'json-rpc', url: text };
    case 'ipc:': {
      const path = text.slice('ipc://'.length);
      return path.startsWith('/') && path.length > 1
        ? { kind: 'oxenmq', address: { kind: 'ipc', path }, key: null }
        : null;
    }
    case 'tcp:':
    case 'curve:': {
      const key = protocol === 'curve:' ? /^\/([0-9a-f]{64})$/i.exec(pathname)?.[1] : null;
      const isPlainPath = protocol === 'curve:' || pathname === '' || pathname === '/';
      if (key === undefined || !isPlainPath || search !== '' || hostname === '' || port === '') return null;
      const host = hostname.replace(/^\[|\]$/g, '');
      return { kind: 'oxenmq', address: { kind: 'tcp', host, port: Number(port) }, key: key?.toLowerCase() ?? null };
    }
    default:
      return null;
  }
}
