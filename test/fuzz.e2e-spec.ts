import { beforeAll, describe, expect, it } from 'vitest';
import { type FuzzResult, runFuzz } from '../fuzz/fuzz.js';
import { openIdle } from './support/load/held-connections.js';
import { inFolder, spawnServer } from './support/spawned-server.js';

const REQUESTS = 3000;

describe('a server that gets hostile requests', () => {
  const seed = Date.now() % 1_000_000;
  let result: FuzzResult;
  beforeAll(async () => {
    result = await runFuzz({ requests: REQUESTS, seed, idleConnections: 500, slowConnections: 16 }, () => undefined);
  }, 180_000);

  it('neither crashes nor answers with 5xx, keeps its memory and its log, and lets nobody wait', () => {
    expect({ seed, problems: result.problems }).toEqual({ seed, problems: [] });
  });

  it('got requests of every kind, and opened some of them', () => {
    const kinds = new Set([...result.answers.keys()].map((key) => key.replace(/ \S+$/, '')));
    expect([...kinds].toSorted((a, b) => a.localeCompare(b))).toEqual([
      'altered bytes',
      'arguments',
      'bytes',
      'framing',
      'keys',
      'large',
      'noise',
      'outer JSON',
      'paths and methods',
      'payload',
      'unfinished',
    ]);
    expect(result.answers.get('arguments 200')).toBeGreaterThan(0);
  });

  it('answered a well-behaved client all the time', () => {
    expect(result.bystander.answers).toBeGreaterThan(50);
  });
});

it('takes no more connections than it can afford, and new ones when those are gone', async () => {
  await inFolder(async (folder) => {
    const { process: server, onion, start } = await spawnServer({}, folder);
    const ask = () => onion.send('unregister', { token: 'nobody has it' }).then(({ status }) => status);
    expect(await ask()).toBe(400);
    const url = new URL(start.address);
    const idle = await openIdle(url, 5200);
    // Soon, and not because their time for the headers is over.
    await expect.poll(() => idle.count(), { timeout: 7000 }).toBeLessThanOrEqual(5000);
    expect(idle.count()).toBeGreaterThan(4000);
    idle.close();
    await expect.poll(ask, { timeout: 10_000 }).toBe(400);
    await server.stop();
  });
}, 60_000);
