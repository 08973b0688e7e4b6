import sodium from 'libsodium-wrappers';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type OmqCommand, OmqListener } from './omq-listener.js';
import { oxenmqVectors } from './spec-vectors.js';

const READ_MS = 10_000;

const cleanUp: (() => void)[] = [];

afterEach(() => {
  for (const undo of cleanUp.splice(0)) undo();
});

const commands = new Map<string, OmqCommand>([['ping.ping', { kind: 'request', run: ({ reply }) => reply('pong') }]]);

async function dial(secretKey: Buffer | null): Promise<Socket> {
  const listener = new OmqListener({ commands, secretKey });
  await listener.listen();
  const socket = connect(listener.port, '127.0.0.1');
  cleanUp.push(
    () => listener.close(),
    () => void socket.destroy(),
  );
  await once(socket, 'connect');
  return socket;
}

/** Waits for the bytes as they come: asking again for more than is there would keep the loop from ever getting the rest. */
async function read(socket: Socket, length: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let missing = length; missing > 0;) {
    const part = socket.read(Math.min(missing, socket.readableLength)) as Buffer | null;
    if (part) parts.push(part);
    missing -= part?.length ?? 0;
    if (missing > 0) await once(socket, 'readable', { signal: AbortSignal.timeout(READ_MS) });
  }
  return Buffer.concat(parts);
}

describe('bytes recorded from a line to the real OxenMQ library', () => {
  it.each(oxenmqVectors.zmtp_null_streams)('are answered byte for byte by the stand-in: $what', async ({ stream }) => {
    const socket = await dial(null);
    for (const [from, hex] of stream) {
      const bytes = Buffer.from(hex, 'hex');
      if (from === 'client') socket.write(bytes);
      else expect((await read(socket, bytes.length)).toString('hex')).toBe(hex);
    }
  });

  it('open a CURVE handshake with the stand-in, whose key is what the client expects', async () => {
    const session = oxenmqVectors.zmtp_curve_session;
    const secret = Buffer.from(session.server_secret_hex, 'hex');
    const ephemeral = Buffer.from(session.client_ephemeral_secret_hex, 'hex');
    const [greeting, , hello] = session.stream.map(([, hex]) => Buffer.from(hex, 'hex'));
    const socket = await dial(secret);
    socket.write(greeting ?? '');
    expect((await read(socket, 64)).toString('hex')).toBe(session.stream[1]?.[1]);
    socket.write(hello ?? '');
    // 04 a8 07 "WELCOME", 16 bytes of the nonce, a box with the node's short-term key and its cookie.
    const welcome = await read(socket, 170);
    expect(welcome.toString('latin1', 0, 10)).toBe('\x04\xa8\x07WELCOME');
    const nonce = Buffer.concat([Buffer.from('WELCOME-'), welcome.subarray(10, 26)]);
    const server = Buffer.from(session.server_public_hex, 'hex');
    expect(sodium.crypto_box_open_easy(welcome.subarray(26), nonce, server, ephemeral)).toHaveLength(128);
  });
});
