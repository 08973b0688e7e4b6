import { HttpAdapterHost } from '@nestjs/core';
import { fastify } from 'fastify';
import { expect, it } from 'vitest';
import { parseConfig } from '../config/app-config.js';
import { type Door } from './doors.js';
import { OperatorListener } from './operator-listener.js';

/** Of routes by their doors, those whose requests are looked at. */
async function lookedAt(env: Record<string, string>): Promise<string[]> {
  const app = fastify();
  new OperatorListener(parseConfig(env), new HttpAdapterHost()).guardRoutesOf(app);
  const looked: string[] = [];
  app.addHook('onRoute', ({ url, onRequest }) => {
    if (onRequest !== undefined) looked.push(url);
  });
  const add = (url: string, doors?: readonly Door[]) => app.post(url, doors ? { config: { doors } } : {}, () => 'ok');
  add('/operator');
  add('/both', ['public', 'operator']);
  add('/public', ['public']);
  await app.ready();
  return looked;
}

it('with one door for all, a request to a public endpoint is not looked at', async () => {
  expect(await lookedAt({})).toEqual(['/operator', '/both']);
});

it('with a listener of its own, every request is looked at', async () => {
  const env = { OPERATOR_PORT: '9000', STATISTICS_USERNAME: 'operator', STATISTICS_PASSWORD: 'a long password' };
  expect(await lookedAt(env)).toEqual(['/operator', '/both', '/public']);
});
