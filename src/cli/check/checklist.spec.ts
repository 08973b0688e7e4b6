import { describe, expect, it } from 'vitest';
import { type Check } from './check.js';
import { checklistOf } from './checklist.js';

const check = (name: string, status: Check['status'], detail = `${name} is ${status}`): Check => ({
  name,
  status,
  detail,
});

const itemOf = (item: string, ...checks: Check[]) => {
  const found = checklistOf(checks).find((one) => one.item === item);
  return found && `${found.state}: ${found.detail}`;
};

describe('the checklist', () => {
  it('has one push service at least when the credentials of one are taken, whatever the others are', () => {
    const checks = [
      check('apns credential', 'failed', 'expired'),
      check('fcm credential', 'ok'),
      check('huawei', 'off'),
    ];
    expect(itemOf('a push service', ...checks)).toBe('done: fcm credential is ok');
    expect(itemOf('APNs, for iPhones', ...checks)).toBe('failed: expired');
    expect(itemOf('HMS, for Huawei', ...checks)).toMatch(/^missing: set HUAWEI_APP_ID/);
  });

  it('has no push service that takes the credentials and refuses this server', () => {
    const checks = [check('fcm credential', 'ok'), check('fcm service', 'failed', 'refuses this server')];
    expect(itemOf('a push service', ...checks)).toBe('failed: refuses this server');
  });

  it('has Web Push with a key, although no service can be asked', () => {
    const checks = [check('webpush credential', 'ok'), check('webpush service', 'off')];
    expect(itemOf('Web Push, for UnifiedPush', ...checks)).toBe('done: webpush credential is ok');
  });

  it('takes a warning for what is missing where the server has made nothing yet, and for a remark elsewhere', () => {
    expect(itemOf('onion key', check('onion key', 'warning', 'does not exist'))).toBe('missing: does not exist');
    expect(itemOf('database', check('database', 'warning', 'lacks 2'))).toBe('missing: lacks 2');
    const soon = [check('apns credential', 'warning', 'expires in 10 days'), check('apns service', 'ok')];
    expect(itemOf('APNs, for iPhones', ...soon)).toBe('done: expires in 10 days');
  });

  it('has the network when a list and a node were reached, and not when no node answers', () => {
    const sources = [check('source a', 'ok'), check('source b', 'warning', 'gave no list')];
    expect(itemOf('storage network', ...sources, check('storage node', 'ok'))).toBe('done: gave no list');
    expect(itemOf('storage network', ...sources, check('storage node', 'failed', 'none'))).toBe('failed: none');
    expect(itemOf('storage network', check('network', 'off', 'set NODE_LIST'))).toBe('missing: set NODE_LIST');
  });
});
