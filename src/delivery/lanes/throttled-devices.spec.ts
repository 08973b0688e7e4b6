import { describe, expect, it } from 'vitest';
import { ThrottledDevices } from './throttled-devices.js';

describe('ThrottledDevices', () => {
  it('knows until when a device is to be left alone', () => {
    const devices = new ThrottledDevices();
    devices.add('a', 1000);
    expect([devices.waitUntil('a', 999), devices.waitUntil('a', 1000), devices.waitUntil('b', 0)]).toEqual([
      1000,
      null,
      null,
    ]);
  });
});
