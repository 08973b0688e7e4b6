// The floor: a bare HTTP server that opens each request, checks the signature of a subscription, seals a fixed answer, and
// does nothing else. It runs the server's own compiled files, on plain Node as the server does.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Envelope, RequestBody } from '../../src/onion/protocol/envelope.js';

type KeyFile = typeof import('../../src/onion/onion-key.file.js');
type EnvelopeFile = typeof import('../../src/onion/protocol/envelope.js');
type EnvelopeV2 = typeof import('../../src/onion/protocol/envelope-v2.js');
type EnvelopeV4 = typeof import('../../src/onion/protocol/envelope-v4.js');
type Signatures = typeof import('../../src/subscriptions/wire/signatures.protocol.js');

const compiled = <Module>(path: string): Promise<Module> => import(new URL(`../../dist/${path}`, import.meta.url).href);
const { createKeyPair, readKeyPair } = await compiled<KeyFile>('onion/onion-key.file.js');
const { resultJson } = await compiled<EnvelopeFile>('onion/protocol/envelope.js');
const { envelopeV2 } = await compiled<EnvelopeV2>('onion/protocol/envelope-v2.js');
const { envelopeV4 } = await compiled<EnvelopeV4>('onion/protocol/envelope-v4.js');
const { monitorText, problemOfSignature } = await compiled<Signatures>('subscriptions/wire/signatures.protocol.js');

const SUBSCRIBE = 'subscribe';

interface SubscribeBody {
  readonly pubkey: string;
  readonly session_ed25519: string;
  readonly signature: string;
  readonly sig_ts: number;
  readonly data: boolean;
  readonly namespaces: readonly number[];
}

const keyFile = process.env['ONION_PRIVATE_KEY_FILE'] ?? '';
const keyPair = readKeyPair(keyFile) ?? createKeyPair(keyFile);
const success = resultJson(1, 'Success');
const envelopes = new Map<string | undefined, Envelope>([
  ['/loki/v2/lsrpc', envelopeV2],
  ['/oxen/v4/lsrpc', envelopeV4],
]);

/** As the benchmark's phones sign: an account that is a Session id, and its owner. */
function isSigned(body: RequestBody): boolean {
  if (body.kind !== 'json') return false;
  const { pubkey, session_ed25519, signature, sig_ts, data, namespaces } = body.value as SubscribeBody;
  const account = Buffer.from(pubkey, 'hex');
  const signer = { account, sessionEd25519: Buffer.from(session_ed25519, 'hex'), subaccount: null };
  const text = monitorText(account, sig_ts, data, namespaces);
  return problemOfSignature(text, Buffer.from(signature, 'base64'), signer) === null;
}

function answer(request: IncomingMessage, body: Buffer, response: ServerResponse): void {
  const envelope = envelopes.get(request.url);
  const opened = envelope?.open(keyPair, body);
  if (!envelope || opened?.kind !== 'request' || (opened.endpoint === SUBSCRIBE && !isSigned(opened.body))) {
    response.writeHead(400, { 'content-length': 0 }).end();
    return;
  }
  const sealed = envelope.sealReply(opened.channel, 200, success);
  response.writeHead(200, { 'content-type': envelope.contentType, 'content-length': sealed.length }).end(sealed);
}

const server = createServer({ keepAliveTimeout: 75_000 }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => answer(request, Buffer.concat(chunks), response));
});
process.on('disconnect', () => process.exit());
server.listen(0, '127.0.0.1', () => {
  process.send?.({ port: (server.address() as AddressInfo).port, publicKey: keyPair.publicKey.toString('hex') });
});
