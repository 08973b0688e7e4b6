import { beforeEach, describe, expect, it } from 'vitest';
import { CircuitBreaker } from './circuit-breaker.js';

describe('a circuit breaker', () => {
  let breaker: CircuitBreaker;
  beforeEach(() => {
    breaker = new CircuitBreaker({ threshold: 3, baseMs: 100, maxMs: 350 });
  });

  function open(now: number): void {
    breaker.failed(now, { atOnce: true });
  }

  it('opens after so many failures in a row, and a success starts the count anew', () => {
    breaker.failed(0);
    breaker.failed(0);
    breaker.succeeded();
    breaker.failed(0);
    breaker.failed(0);
    expect(breaker.tryPass(0)).toBe('free');
    breaker.failed(0);
    expect([breaker.tryPass(0), breaker.tryPass(99)]).toEqual(['refused', 'refused']);
  });

  it('lets one probe pass after the pause, and no second one until the first has ended', () => {
    open(0);
    expect([breaker.tryPass(100), breaker.tryPass(100), breaker.state(100)]).toEqual(['probe', 'refused', 'open']);
    breaker.succeeded();
    expect(breaker.tryPass(100)).toBe('free');
  });

  it('lets the next probe pass when one ended without a verdict', () => {
    open(0);
    breaker.tryPass(100);
    breaker.undecided();
    expect(breaker.tryPass(100)).toBe('probe');
  });

  it('doubles the pause with each failed probe, up to the longest', () => {
    const pauses: number[] = [];
    let now = 0;
    open(now);
    for (let probes = 0; probes < 4; probes++) {
      let pause = 0;
      while (breaker.tryPass(now + pause) === 'refused') pause++;
      pauses.push(pause);
      now += pause;
      breaker.failed(now);
    }
    expect(pauses).toEqual([100, 200, 350, 350]);
  });

  it('takes failures of requests that were under way for no news', () => {
    open(0);
    for (let late = 0; late < 100; late++) breaker.failed(50);
    expect(breaker.tryPass(100)).toBe('probe');
    breaker.failed(100);
    expect([breaker.state(299), breaker.state(300)]).toEqual(['open', 'probing']);
  });

  it('takes successes of requests that were under way for no news', () => {
    breaker.failed(0, { atOnce: true, forMs: 1000 });
    breaker.succeeded();
    expect([breaker.state(999), breaker.tryPass(1000)]).toEqual(['open', 'probe']);
  });

  it('waits as long as the provider asks, the longest when several answers ask', () => {
    breaker.failed(0, { atOnce: true, forMs: 1000 });
    breaker.failed(10, { atOnce: true, forMs: 2000 });
    breaker.failed(20, { atOnce: true, forMs: 500 });
    expect([breaker.state(2009), breaker.state(2010)]).toEqual(['open', 'probing']);
  });
});
