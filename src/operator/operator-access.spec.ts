import { Logger } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { type FastifyRequest } from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RecordingLogger } from '../../test/support/recording-logger.js';
import { parseConfig } from '../config/app-config.js';
import { OperatorAccess } from './operator-access.js';
import { type OperatorEvent, OperatorEvents } from './operator-events.js';
import { OperatorListener } from './operator-listener.js';

const PASSWORD = 'correct horse battery staple';
const MINUTE_MS = 60_000;

const config = parseConfig({ STATISTICS_USERNAME: 'operator', STATISTICS_PASSWORD: PASSWORD });

const request = (password: string, ip: string) =>
  ({ ip, headers: { authorization: `Basic ${btoa(`operator:${password}`)}` } }) as FastifyRequest;

describe('passwords that are guessed', () => {
  let access: OperatorAccess;
  let log: RecordingLogger;
  let events: OperatorEvent[];

  beforeEach(() => {
    vi.useFakeTimers();
    log = new RecordingLogger();
    Logger.overrideLogger(log);
    const operatorEvents = new OperatorEvents();
    events = [];
    operatorEvents.on((event) => events.push(event));
    access = new OperatorAccess(config, new OperatorListener(config, new HttpAdapterHost()), operatorEvents);
  });
  afterEach(() => {
    Logger.overrideLogger(false);
    vi.useRealTimers();
  });

  const guess = (times: number) =>
    Array.from({ length: times }, (_, index) => access.callerOf(request(`guess ${index}`, `203.0.113.${index}`)));

  it('are looked at thirty times, for all addresses together, and then the right one is not either', () => {
    const callers = guess(40);
    expect([callers.filter((caller) => caller === 'wrong').length, callers.at(-1)]).toEqual([30, 'limited']);
    expect(access.callerOf(request(PASSWORD, '198.51.100.1'))).toBe('limited');
  });

  it('are two lines in the log, at once and after a minute, and one alert', () => {
    guess(40);
    expect([log.lines.length, events]).toEqual([1, []]);
    vi.advanceTimersByTime(MINUTE_MS);
    expect(events).toEqual([{ kind: 'passwords-guessed', count: 39 }]);
    vi.advanceTimersByTime(10 * MINUTE_MS);
    expect(log.find("wrong passwords for the operator's endpoints")).toHaveLength(2);
    expect(log.lines).toHaveLength(2);
    expect(log.find('guess')).toEqual([]);
  });
});
