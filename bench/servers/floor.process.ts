// The floor: a bare HTTP server that opens each request and seals a fixed answer, and does nothing else. It runs the
// server's own compiled files, on plain Node as the server does.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Envelope } from '../../src/onion/protocol/envelope.js';

type KeyFile = typeof import('../../src/onion/onion-key.file.js');
type EnvelopeFile = typeof import('../../src/onion/protocol/envelope.js');
type EnvelopeV2 = typeof import('../../src/onion/protocol/envelope-v2.js');
type EnvelopeV4 = typeof import('../../src/onion/protocol/envelope-v4.js');

const compiled = <Module>(path: string): Promise<Module> =>
  import(new URL(`../../dist/onion/${path}`, import.meta.url).href);
const { createKeyPair, readKeyPair } = await compiled<KeyFile>('onion-key.file.js');
const { resultJson } = await compiled<EnvelopeFile>('protocol/envelope.js');
const { envelopeV2 } = await compiled<EnvelopeV2>('protocol/envelope-v2.js');
const { envelopeV4 } = await compiled<EnvelopeV4>('protocol/envelope-v4.js');

const keyFile = process.env['ONION_PRIVATE_KEY_FILE'] ?? '';
const keyPair = readKeyPair(keyFile) ?? createKeyPair(keyFile);
const success = resultJson(1, 'Success');
const envelopes = new Map<string | undefined, Envelope>([
  ['/loki/v2/lsrpc', envelopeV2],
  ['/oxen/v4/lsrpc', envelopeV4],
]);

function answer(request: IncomingMessage, body: Buffer, response: ServerResponse): void {
  const envelope = envelopes.get(request.url);
  const opened = envelope?.open(keyPair, body);
  if (!envelope || opened?.kind !== 'request') {
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
