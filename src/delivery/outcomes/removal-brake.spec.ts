import { beforeEach, describe, expect, it } from 'vitest';
import { RemovalBrake } from './removal-brake.js';

const WINDOW_MS = 900_000;
const MINUTE_MS = 60_000;

describe('a removal brake', () => {
  let brake: RemovalBrake;
  beforeEach(() => {
    brake = new RemovalBrake({ windowMs: WINDOW_MS, floor: 5, share: 0.1 });
  });

  function answers(kind: 'accepted' | 'dead', count: number, now: number): void {
    for (let index = 0; index < count; index++) brake[kind](now);
  }

  it('leaves small numbers alone, whatever their share', () => {
    answers('dead', 4, 0);
    expect(brake.isEngaged(0)).toBe(false);
    answers('dead', 1, 0);
    expect(brake.isEngaged(0)).toBe(true);
  });

  it('leaves a small share alone, whatever its number', () => {
    answers('accepted', 900, 0);
    answers('dead', 100, 0);
    expect(brake.isEngaged(0)).toBe(false);
    answers('dead', 1, 0);
    expect(brake.isEngaged(0)).toBe(true);
  });

  it('sees a fault that has just begun behind a quarter of an hour of good answers', () => {
    answers('accepted', 10_000, 0);
    answers('dead', 5, 2 * MINUTE_MS);
    expect(brake.isEngaged(2 * MINUTE_MS)).toBe(true);
  });

  it('lifts after a whole window in which pushes were accepted', () => {
    answers('dead', 5, 0);
    expect(brake.isEngaged(0)).toBe(true);
    answers('accepted', 1, WINDOW_MS + MINUTE_MS);
    expect(brake.isEngaged(WINDOW_MS + MINUTE_MS)).toBe(false);
  });

  it('stays while nothing is accepted, however long', () => {
    answers('dead', 5, 0);
    expect(brake.isEngaged(0)).toBe(true);
    expect(brake.isEngaged(10 * WINDOW_MS)).toBe(true);
  });

  it('stays as long as too many are called dead', () => {
    answers('dead', 5, 0);
    brake.isEngaged(0);
    answers('dead', 5, WINDOW_MS - MINUTE_MS);
    answers('accepted', 5, WINDOW_MS - MINUTE_MS);
    expect([brake.isEngaged(WINDOW_MS - MINUTE_MS), brake.isEngaged(WINDOW_MS + 1)]).toEqual([true, true]);
  });

  it('knows whether anything was accepted in the last minute', () => {
    expect(brake.hasAcceptedShortlyBefore(0)).toBe(false);
    brake.accepted(0);
    expect([brake.hasAcceptedShortlyBefore(MINUTE_MS), brake.hasAcceptedShortlyBefore(MINUTE_MS + 1)]).toEqual([
      true,
      false,
    ]);
  });
});
