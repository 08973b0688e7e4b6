import { afterEach, describe, expect, it } from 'vitest';
import { DIRECTLY } from '../../outgoing/outgoing.js';
import { PushHost } from './push-host.js';

const REFUSED = { kind: 'unreachable', reason: 'ConnectFailed' } as const;
const SILENT = { kind: 'silent', reason: 'Timeout' } as const;

const AGENT = { outgoing: DIRECTLY, tunnelTimeoutMs: 1000 };

describe('a push server', () => {
  const hosts: PushHost[] = [];
  afterEach(() => hosts.splice(0).forEach((host) => host.retire()));
  const open = (): PushHost => {
    const host = new PushHost('push.example.org:443', { pauseMs: 100, longestPauseMs: 350 }, AGENT);
    hosts.push(host);
    return host;
  };
  const failed = (host: PushHost, now: number, times = 3): void => {
    for (let time = 0; time < times; time++) host.unreachable(REFUSED, now);
  };

  it('is left alone after three failures in a row', () => {
    const host = open();
    failed(host, 0, 2);
    expect(host.tryPass(0)).toBe('free');
    host.answered();
    failed(host, 0, 2);
    expect(host.tryPass(0)).toBe('free');
    failed(host, 0, 1);
    expect(host.tryPass(0)).toBe(100);
    expect(host.failing).toEqual({ reason: 'ConnectFailed' });
  });

  it('is probed by one request, and left alone for longer when that fails', () => {
    const host = open();
    failed(host, 0);
    expect(host.tryPass(100)).toBe('probe');
    expect(host.tryPass(100)).toBe(100);
    host.unreachable(SILENT, 110);
    expect(host.tryPass(110)).toBe(200);
    expect(host.tryPass(310)).toBe('probe');
    host.outOfOrder('Http503', 310);
    expect(host.tryPass(310)).toBe(350);
    expect(host.tryPass(660)).toBe('probe');
    host.undecided();
    expect(host.tryPass(660)).toBe('probe');
    host.accepted(5, 661);
    expect(host.tryPass(661)).toBe('free');
    expect(host.failing).toBeNull();
  });

  it('is not left alone for longer because of what was on its way', () => {
    const host = open();
    failed(host, 0, 20);
    expect(host.tryPass(0)).toBe(100);
  });

  it('is left alone for as long as it asks, within a bound', () => {
    const host = open();
    for (let time = 0; time < 3; time++) host.outOfOrder('Http503', 0, 250);
    expect(host.tryPass(0)).toBe(250);
    expect(host.tryPass(250)).toBe('probe');
    host.outOfOrder('Http503', 250, 1e9);
    expect(host.tryPass(250)).toBe(350);
  });

  it('is in order while it takes the pushes of others, whatever it answers a stranger', () => {
    const host = open();
    host.accepted(5, 0);
    for (let time = 0; time < 50; time++) host.outOfOrder('Http500', 29_999);
    for (let time = 0; time < 50; time++) host.unreachable(SILENT, 29_999);
    expect(host.tryPass(29_999)).toBe('free');
    for (let time = 0; time < 3; time++) host.outOfOrder('Http500', 30_000);
    expect(host.tryPass(30_000)).toBe(100);
  });

  it('is away when it cannot be connected to, whatever it took a moment ago', () => {
    const host = open();
    host.accepted(5, 0);
    failed(host, 1);
    expect(host.tryPass(1)).toBe(100);
  });

  it('gets room by being quick', () => {
    const host = open();
    for (let device = 0; device < 8; device++) host.began(device, 0);
    expect(host.isFull(0)).toBe(true);
    host.accepted(50, 0);
    expect([host.isQuick(0), host.isFull(0)]).toEqual([true, false]);
    for (let answers = 0; answers < 5; answers++) host.accepted(9000, 1);
    expect([host.isQuick(1), host.isFull(1)]).toEqual([false, true]);
    host.ended();
    expect(host.isFull(1)).toBe(false);
    expect([host.deviceCount, host.requests]).toEqual([8, 7]);
  });

  it('is a push server for ten minutes after it took a push', () => {
    const host = open();
    expect(host.isProven(0)).toBe(false);
    host.accepted(5, 0);
    expect([host.isProven(599_999), host.isProven(600_000)]).toEqual([true, false]);
  });
});
