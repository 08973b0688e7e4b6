import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { parseConfig } from '../config/app-config.js';
import { makeVapidKey } from '../providers/webpush/vapid-key.js';
import { offerOf } from './offer.js';
import { PUSH_SERVICES } from './wire/push-service.js';

const folder = mkdtempSync(join(tmpdir(), 'spns-offer-'));
afterAll(() => rmSync(folder, { recursive: true }));
const vapid = makeVapidKey(join(folder, 'vapid.pem'));

// Only whether there is such a file counts.
const NETWORK = { NODE_LIST: 'tcp://127.0.0.1:1' };
const SHARED = { REDIS_URL: 'redis://127.0.0.1:1', DATABASE_URL: 'mysql://user:word@127.0.0.1:1/database' };
const APNS = {
  APNS_TOKEN_KEY_FILE: join(folder, 'vapid.pem'),
  APNS_TOKEN_KEY_ID: 'ABCDE12345',
  APNS_TOKEN_TEAM_ID: 'ABCDE12345',
};
const FCM = { FCM_SERVICE_ACCOUNT_FILE: join(folder, 'vapid.pem') };
const HUAWEI = { HUAWEI_APP_ID: '1', HUAWEI_APP_SECRET: 'secret' };

const WEBPUSH = { VAPID_KEY_FILE: join(folder, 'vapid.pem'), VAPID_SUBJECT: 'mailto:somebody@example.org' };

const offered = (...variables: Record<string, string>[]) => {
  const config = parseConfig(Object.assign({}, ...variables) as Record<string, string>);
  return [...offerOf(config).services];
};

it('are the services with credentials', () => {
  expect(offered(NETWORK, APNS, FCM, HUAWEI, WEBPUSH)).toEqual([...PUSH_SERVICES]);
  expect(offered(NETWORK, APNS)).toEqual(['apns', 'apns-sandbox']);
  expect(offered(NETWORK, FCM)).toEqual(['firebase']);
  expect(offered(NETWORK, HUAWEI)).toEqual(['huawei']);
  expect(offered(NETWORK, WEBPUSH)).toEqual(['webpush']);
  expect(offered(NETWORK)).toEqual([]);
});

it('are none without a list of nodes', () => {
  expect(offered(APNS, FCM, HUAWEI)).toEqual([]);
  expect(offered(SHARED, { ROLE: 'api' })).toEqual([]);
});

it('are all of an instance that accepts and leaves the credentials to others', () => {
  const withoutKey = PUSH_SERVICES.filter((service) => service !== 'webpush');
  expect(offered(NETWORK, SHARED, { ROLE: 'api' })).toEqual(withoutKey);
  expect(offered(NETWORK, SHARED, WEBPUSH, { ROLE: 'api' })).toEqual([...PUSH_SERVICES]);
  expect(offered(NETWORK, SHARED, FCM, { ROLE: 'api' })).toEqual(['firebase']);
});

it('tell phones of Web Push the key for which they make their endpoints', () => {
  const offerWith = (variables: Record<string, string>) => offerOf(parseConfig(variables));
  expect(offerWith({ ...NETWORK, ...WEBPUSH }).vapidPublicKey).toBe(vapid.publicKey);
  expect(offerWith(NETWORK).vapidPublicKey).toBeNull();
  expect(offerWith(WEBPUSH).vapidPublicKey).toBeNull();
});

it('send to public addresses, and to the hosts that the operator allows', () => {
  const offer = offerOf(parseConfig({ ...NETWORK, ...WEBPUSH, WEBPUSH_ALLOWED_HOSTS: '10.0.0.7:8443' }));
  expect(offer.sendsTo('webpush', 'https://push.example.org/x')).toBe(true);
  expect(offer.sendsTo('webpush', 'https://10.0.0.7:8443/x')).toBe(true);
  expect(offer.sendsTo('webpush', 'https://10.0.0.8/x')).toBe(false);
  expect(offer.sendsTo('webpush', 'no endpoint')).toBe(false);
  expect(offer.sendsTo('firebase', 'no endpoint')).toBe(true);
});
