import { afterEach, describe, expect, it } from 'vitest';
import { makeNodeKeys } from './keys.js';
import { type OmqCommand, OmqListener } from './omq-listener.js';
import { SpecClient } from './spec-client.js';
import { oxenmqVectors } from './spec-vectors.js';

const keys = makeNodeKeys();
const listeners: OmqListener[] = [];
const clients: SpecClient[] = [];

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  for (const listener of listeners.splice(0)) listener.close();
});

const echo: OmqCommand = { kind: 'request', run: ({ parts, reply }) => reply(...parts) };
const request = (run: OmqCommand['run'], refusal?: OmqCommand['refusal']): OmqCommand => ({
  kind: 'request',
  run,
  refusal,
});
const command = (run: OmqCommand['run'], refusal?: OmqCommand['refusal']): OmqCommand => ({
  kind: 'command',
  run,
  refusal,
});

async function listen(commands: Record<string, OmqCommand>, queueLimit?: number): Promise<OmqListener> {
  const listener = new OmqListener({ commands: new Map(Object.entries(commands)), secretKey: keys.secret, queueLimit });
  listeners.push(listener);
  await listener.listen();
  return listener;
}

function connect({ address }: OmqListener, routingId?: string): SpecClient {
  const client = new SpecClient(address, keys.x25519, routingId);
  clients.push(client);
  return client;
}

/** Ends when something is so that nobody tells of. */
async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('what the real OxenMQ library answered', () => {
  const recorded = oxenmqVectors.exchanges.filter(({ peer }) => peer.startsWith('storage node'));
  const hex = (text: string): Buffer => Buffer.from(text, 'hex');
  const question = recorded.find(({ what }) => what.startsWith('node asks us'))?.receive[0] ?? [];

  /** The commands of the peer that it was recorded from. */
  function recordedPeer(trusted: boolean): Record<string, OmqCommand> {
    const nothing = () => undefined;
    return {
      'lab.echo': echo,
      'lab.nothing': request(({ reply }) => reply()),
      'lab.twice': request(({ reply }) => {
        reply('first');
        reply('second');
      }),
      'lab.silent': request(nothing),
      'lab.throws': request(nothing),
      'lab.back': command(({ parts, send }) => send('lab.hello', ...parts)),
      'lab.backempty': command(({ send }) => send('lab.hello')),
      'lab.bye': command(({ send }) => send('BYE')),
      'lab.ask': command(({ send }) => send(...question.map(hex))),
      'monitor.messages': request(nothing),
      'service.get_stats': request(({ reply }) => reply('{"lab":true}'), trusted ? undefined : 'FORBIDDEN'),
      'service.poke': command(nothing, 'FORBIDDEN'),
      'sn.ping': request(({ reply }) => reply('pong'), trusted ? undefined : 'FORBIDDEN_SN'),
      'localsn.x': request(nothing, 'NOT_A_SERVICE_NODE'),
    };
  }

  it.each(recorded)('$what', async ({ what, send, receive }) => {
    const client = connect(await listen(recordedPeer(/^(admin key|sn\.ping when)/.test(what))));
    await client.send(...send.map(hex));
    // One worker: what it answers before this came before.
    await client.request('lab.echo');
    const received = client.received.map((frames) => frames.map((frame) => frame.toString('hex')));
    expect(received).toEqual(receive);
  });
});

describe('a listener', () => {
  it('drops without a word what is more than its queue holds, and greets all the same', async () => {
    const listener = await listen({ 'lab.echo': echo }, 500);
    const client = connect(listener);
    listener.hold();
    const answers: string[] = [];
    for (let n = 0; n < 700; n++) void client.request('lab.echo', String(n)).then(([part]) => answers.push(`${part}`));
    await client.greet();
    await eventually(() => listener.counts.dropped === 200);
    expect(answers).toEqual([]);
    listener.release();
    await client.request('lab.echo');
    expect(answers).toEqual(Array.from({ length: 500 }, (_, n) => String(n)));
    expect(listener.counts.maxWaiting).toBe(500);
  });

  it('reads nothing while it is frozen, and all of it afterwards', async () => {
    const listener = await listen({ 'lab.echo': echo });
    const client = connect(listener);
    await client.greet();
    listener.freeze();
    const echoed = client.request('lab.echo', 'held');
    await client.send('HI');
    expect(await Promise.race([echoed, new Promise((resolve) => setTimeout(resolve, 100, 'silence'))])).toBe('silence');
    expect(client.count('HELLO')).toBe(1);
    listener.thaw();
    expect(String(await echoed)).toBe('held');
    await client.until(() => client.count('HELLO') === 2);
  });

  it('says that nobody is there, and queues nothing for who comes later', async () => {
    const listener = await listen({});
    expect(await listener.send(Buffer.from('somebody'), ['notify.message', 'early'])).toBe(false);
    const client = connect(listener, 'somebody');
    await client.greet();
    expect(await listener.send(Buffer.from('somebody'), ['notify.message', 'now'])).toBe(true);
    await client.until(() => client.count('notify.message') > 0);
    expect(client.commands('notify.message').map(String)).toEqual(['now']);
    expect(listener.counts).toMatchObject({ sent: 2, undelivered: 1 });
  });

  it('gives a route to whoever claims it, and the one before goes deaf', async () => {
    const listener = await listen({});
    const first = connect(listener, 'Lroute');
    await first.greet();
    const second = connect(listener, 'Lroute');
    await second.greet();
    expect(listener.lines).toHaveLength(1);
    await listener.send(Buffer.from('Lroute'), ['notify.message', 'x']);
    await second.until(() => second.count('notify.message') === 1);
    expect(first.count('notify.message')).toBe(0);
  });

  it('comes back at its port with another key, and tells how many came in vain', async () => {
    const listener = await listen({});
    const client = connect(listener);
    await client.greet();
    const { address } = listener;
    listener.close();
    await listener.listen(address, makeNodeKeys().secret);
    expect(listener.address).toBe(address);
    await eventually(() => listener.connections.failedHandshakes > 0);
    expect(listener.connections.handshakes).toBe(1);
  });

  it('takes 10 MiB in one message, and ends the line that brings more', async () => {
    const listener = await listen({ 'lab.size': request(({ parts, reply }) => reply(String(parts[0]?.length))) });
    const client = connect(listener);
    const allowed = 10 * 1024 * 1024 - 200;
    expect(String(await client.request('lab.size', Buffer.alloc(allowed)))).toBe(String(allowed));
    await client.send('lab.size', 'tag', Buffer.alloc(10 * 1024 * 1024 + 1));
    await eventually(() => listener.connections.disconnected > 0);
    expect(listener.counts.calls.get('lab.size')).toBe(1);
  });
});
