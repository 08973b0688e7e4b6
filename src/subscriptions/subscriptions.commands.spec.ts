import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { describeEachDatabase } from '../../test/support/databases.js';
import { turnsDuring } from '../../test/support/event-loop.js';
import { newAndroidToken, newIosToken } from '../../test/support/people.js';
import {
  newGroup,
  newMember,
  newSessionId,
  nowSeconds,
  subscribeRequest,
  unsubscribeRequest,
} from '../../test/support/subscribing-phone.js';
import { useTestDatabase } from '../../test/support/test-data-source.js';
import vectors from '../../test/vectors/onion-vectors.json' with { type: 'json' };
import { DatabaseWriter } from '../database/database-writer.js';
import { MetricsService } from '../metrics/metrics.service.js';
import { NoSealing } from '../sealing/sealing.js';
import { MAX_NAMESPACES } from './dto/subscriptions.dto.js';
import { PUSH_SERVICES, type PushService } from './wire/push-service.js';
import { MAX_SUBSCRIPTIONS_PER_SESSION_ID } from './registry/stored-subscription.js';
import { Subscription } from './registry/subscription.entity.js';
import { SubscriptionSignal } from './watching/subscription-signal.js';
import { MAX_ITEMS, SubscriptionsCommands } from './subscriptions.commands.js';
import { SubscriptionsService } from './subscriptions.service.js';

const ADDED = { success: true, added: true, message: 'Subscription successful' };
const UPDATED = { success: true, updated: true, message: 'Resubscription successful' };
const REMOVED = { success: true, removed: true, message: 'Device unsubscribed from push notifications' };
const NOT_SUBSCRIBED = { success: true, removed: false, message: 'Device was not subscribed to push notifications' };
const OUTDATED = { error: 4, message: 'sig_ts is older than that of a request that was already carried out' };

/** A time at which the signatures of the known answers were fresh. */
const KNOWN_TIME = vectors.spns_v2.sig_ts * 1000;

describeEachDatabase('/subscribe and /unsubscribe', (databases) => {
  const database = useTestDatabase(databases);
  let commands: SubscriptionsCommands;

  const commandsWith = (services: readonly PushService[], writer = database.writer) =>
    new SubscriptionsCommands(
      new SubscriptionsService(writer),
      new NoSealing(),
      { services: new Set(services), vapidPublicKey: null, sendsTo: () => true },
      new SubscriptionSignal(),
    );
  beforeEach(() => void (commands = commandsWith(PUSH_SERVICES)));
  afterEach(() => void vi.useRealTimers());

  const stored = () => database.dataSource.getRepository(Subscription).find();
  const atKnownTime = () => vi.useFakeTimers({ toFake: ['Date'], now: KNOWN_TIME });

  describe('a subscription', () => {
    it.each(vectors.spns_v2.subscriptions)('is stored as it was signed: $name', async (vector) => {
      atKnownTime();
      const json: Record<string, unknown> = vector.subscribe_json;
      expect(await commands.subscribe(json)).toEqual(ADDED);
      const [row, ...others] = await stored();
      expect(others).toEqual([]);
      expect(row).toMatchObject({
        account: json['pubkey'],
        service: 'apns',
        token: vector.subscribe_json.service_info.token,
        namespaces: vector.subscribe_json.namespaces.join(','),
        wantsData: vector.subscribe_json.data,
        sigTs: vector.subscribe_json.sig_ts,
        encKey: Buffer.from(vector.subscribe_json.enc_key, 'hex'),
        serviceInfo: null,
        registeredAt: expect.toSatisfy((time: number) => time >= KNOWN_TIME) as number,
        acceptedAt: null,
      });
      const parts = [json['signature'], json['session_ed25519'], json['subaccount'], json['subaccount_sig']];
      const bytes = parts.map((part) =>
        typeof part === 'string' ? Buffer.from(part, /^[0-9a-f]+$/.test(part) ? 'hex' : 'base64') : Buffer.alloc(0),
      );
      expect(row?.credentials).toEqual(Buffer.concat(bytes));
      const unsubscribe = { ...json, signature: vector.unsubscribe_signature_b64 };
      expect(await commands.unsubscribe(unsubscribe)).toEqual(REMOVED);
      expect(await stored()).toEqual([]);
    });

    it('knows its place among the swarms', async () => {
      const account = newGroup();
      await commands.subscribe(subscribeRequest(account));
      const words = [0, 1, 2, 3].map((index) => BigInt(`0x${account.id.slice(2 + index * 16, 18 + index * 16)}`));
      const place = words.reduce((space, word) => space ^ word) >> 48n;
      expect((await stored())[0]?.swarmPlace).toBe(Number(place));
    });

    it('is renewed by what its phone says now', async () => {
      const [account, token, sigTs] = [newSessionId(), newAndroidToken(), nowSeconds()];
      expect(await commands.subscribe(subscribeRequest(account, { token, sigTs: sigTs - 10 }))).toEqual(ADDED);
      const [before] = await stored();
      const encKey = randomBytes(32);
      const renewal = { token, sigTs, encKey, namespaces: [-10, 0, 5], data: false };
      expect(await commands.subscribe(subscribeRequest(account, renewal))).toEqual(UPDATED);
      const rows = await stored();
      expect(rows).toHaveLength(1);
      expect(rows[0]).toMatchObject({ sigTs, encKey, namespaces: '-10,0,5', wantsData: false });
      expect(rows[0]?.credentials).not.toEqual(before?.credentials);
      expect(rows[0]?.registeredAt).toBeGreaterThan(before?.registeredAt ?? Infinity);
    });

    it('is one for each account, service and token', async () => {
      const [one, other] = [newSessionId(), newGroup()];
      const [token, otherToken] = [newIosToken(), newIosToken()];
      for (const account of [one, other]) {
        for (const service of ['apns', 'apns-sandbox']) {
          for (const each of [token, otherToken]) {
            expect(await commands.subscribe(subscribeRequest(account, { service, token: each }))).toEqual(ADDED);
          }
        }
      }
      expect(await stored()).toHaveLength(8);
    });

    it('of an iPhone has one spelling of its token', async () => {
      const [account, token] = [newSessionId(), newIosToken()];
      const spelled = (text: string) => commands.subscribe(subscribeRequest(account, { service: 'apns', token: text }));
      expect(await spelled(token.toUpperCase())).toEqual(ADDED);
      expect(await spelled(token)).toEqual(UPDATED);
      expect((await stored()).map((row) => row.token)).toEqual([token]);
    });

    it('keeps its standing when it is renewed', async () => {
      const request = subscribeRequest(newSessionId());
      await commands.subscribe(request);
      await database.writer.write((manager) => manager.query('UPDATE subscriptions SET accepted_at = 5'));
      await commands.subscribe(request);
      expect(await stored()).toMatchObject([{ acceptedAt: 5 }]);
    });

    it('is stored once when it is asked for many times at the same moment', async () => {
      const request = subscribeRequest(newSessionId());
      const replies = await Promise.all(Array.from({ length: 20 }, () => commands.subscribe(request)));
      expect(replies.every((reply) => 'success' in reply)).toBe(true);
      expect(await stored()).toHaveLength(1);
    });

    it.each([
      ['keys that it does not know', { subkey_tag: null, something: { else: [1] } }],
      ['null where nothing has to be', { subaccount: null, subaccount_sig: null }],
    ])('may have %s', async (_name, more) => {
      expect(await commands.subscribe({ ...subscribeRequest(newSessionId()), ...more })).toEqual(ADDED);
    });

    it('may be signed almost 14 days ago, or almost a day ahead', async () => {
      vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_500 });
      for (const sigTs of [1_800_000_000 - 14 * 86_400 + 1, 1_800_000_000 + 86_399]) {
        expect(await commands.subscribe(subscribeRequest(newGroup(), { sigTs }))).toEqual(ADDED);
      }
    });
  });

  describe('the end of a subscription', () => {
    it('is that of this account, service and token alone', async () => {
      const [account, token] = [newSessionId(), newAndroidToken()];
      const kept = [
        subscribeRequest(account),
        subscribeRequest(account, { token, service: 'huawei' }),
        subscribeRequest(newSessionId(), { token }),
      ];
      await commands.subscribe([...kept, subscribeRequest(account, { token })]);
      expect(await commands.unsubscribe(unsubscribeRequest(account, { token }))).toEqual(REMOVED);
      expect(await stored()).toHaveLength(3);
    });

    it('says when there was none', async () => {
      expect(await commands.unsubscribe(unsubscribeRequest(newSessionId()))).toEqual(NOT_SUBSCRIBED);
    });

    it('may be signed a day ago or ahead, and not longer', async () => {
      vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_500 });
      const at = (sigTs: number) => commands.unsubscribe(unsubscribeRequest(newGroup(), { sigTs }));
      for (const sigTs of [1_800_000_000 - 86_400, 1_800_000_000 + 86_400]) {
        expect(await at(sigTs)).toEqual(NOT_SUBSCRIBED);
      }
      expect(await at(1_800_000_000 - 86_401)).toMatchObject({ error: 4 });
      expect(await at(1_800_000_000 + 86_401)).toMatchObject({ error: 4 });
    });

    it('is not signed by the text that subscribes', async () => {
      const [account, token] = [newSessionId(), newAndroidToken()];
      const request = subscribeRequest(account, { token });
      await commands.subscribe(request);
      expect(await commands.unsubscribe(request)).toEqual({ error: 4, message: 'Signature verification failed' });
      expect(await stored()).toHaveLength(1);
    });
  });

  describe('a request that somebody kept', () => {
    const [account, token, sigTs] = [newSessionId(), newAndroidToken(), nowSeconds()];
    const at = (seconds: number, namespaces = [0]) => ({ token, sigTs: sigTs + seconds, namespaces });

    it('does not roll a subscription back', async () => {
      const kept = subscribeRequest(account, at(0));
      await commands.subscribe(kept);
      await commands.subscribe(subscribeRequest(account, at(1, [0, 5])));
      expect(await commands.subscribe(kept)).toEqual(OUTDATED);
      expect(await stored()).toMatchObject([{ sigTs: sigTs + 1, namespaces: '0,5' }]);
    });

    it('does not bring back what its phone has ended', async () => {
      const kept = subscribeRequest(account, at(0));
      await commands.subscribe(kept);
      await commands.unsubscribe(unsubscribeRequest(account, at(1)));
      expect(await commands.subscribe(kept)).toEqual(OUTDATED);
      expect(await stored()).toEqual([]);
      expect(await commands.subscribe(subscribeRequest(account, at(2)))).toEqual(ADDED);
    });

    it('does not end what its phone has begun again', async () => {
      const kept = unsubscribeRequest(account, at(1));
      await commands.subscribe(subscribeRequest(account, at(0)));
      await commands.unsubscribe(kept);
      await commands.subscribe(subscribeRequest(account, at(2)));
      expect(await commands.unsubscribe(kept)).toEqual(OUTDATED);
      expect(await stored()).toHaveLength(1);
    });

    it('changes nothing when it is the latest', async () => {
      const kept = subscribeRequest(account, at(0));
      await commands.subscribe(kept);
      expect(await commands.subscribe(kept)).toEqual(UPDATED);
      const end = unsubscribeRequest(account, at(0));
      expect([await commands.unsubscribe(end), await commands.unsubscribe(end)]).toEqual([REMOVED, NOT_SUBSCRIBED]);
    });
  });

  describe('a list', () => {
    it('is answered index by index, and wrong items do not harm the others', async () => {
      const [one, other] = [subscribeRequest(newSessionId()), subscribeRequest(newGroup())];
      const member = subscribeRequest(newMember(newGroup()));
      const replies = await commands.subscribe([
        one,
        { ...one, signature: other['signature'] },
        {},
        other,
        { ...one, enc_key: undefined },
        one,
        member,
      ]);
      expect(replies).toEqual([
        ADDED,
        { error: 4, message: 'Signature verification failed' },
        { error: 4, message: "Missing required parameter 'pubkey'" },
        ADDED,
        { error: 1, message: "Missing required parameter 'enc_key'" },
        UPDATED,
        ADDED,
      ]);
      expect(await stored()).toHaveLength(3);
    });

    it('of one is answered by a list of one', async () => {
      expect(await commands.subscribe([subscribeRequest(newSessionId())])).toEqual([ADDED]);
      expect(await commands.unsubscribe([unsubscribeRequest(newSessionId())])).toEqual([NOT_SUBSCRIBED]);
    });

    it('ends several, each as if it were alone', async () => {
      const [account, token, sigTs] = [newSessionId(), newAndroidToken(), nowSeconds()];
      const others = Array.from({ length: 300 }, () => ({ account: newGroup(), token: newAndroidToken() }));
      const all = [{ account, token }, ...others];
      await commands.subscribe(all.map((each) => subscribeRequest(each.account, { token: each.token, sigTs })));
      expect(await stored()).toHaveLength(301);
      const end = unsubscribeRequest(account, { token, sigTs });
      const ends = others.map((each) => unsubscribeRequest(each.account, { token: each.token, sigTs }));
      const replies = await commands.unsubscribe([end, end, { ...end, signature: 'x' }, ...ends.slice(1)]);
      expect(replies).toEqual([
        REMOVED,
        NOT_SUBSCRIBED,
        { error: 4, message: 'signature must be 64 bytes in hexadecimal or base64' },
        ...ends.slice(1).map(() => REMOVED),
      ]);
      expect((await stored()).map((row) => row.account)).toEqual([others[0]?.account.id]);
    });

    it('of more items than are possible is answered in full, and the first are stored', async () => {
      const account = newGroup();
      const requests = Array.from({ length: MAX_ITEMS + 2 }, () => subscribeRequest(account));
      const [first, ...others] = [...((await commands.subscribe(requests)) as unknown[])].toReversed();
      expect([first, others[0]]).toEqual(
        Array.from({ length: 2 }, () => ({ error: 1, message: 'At most 500 items are possible in one request' })),
      );
      expect(others.slice(1)).toEqual(Array.from({ length: MAX_ITEMS }, () => ADDED));
      expect(await stored()).toHaveLength(MAX_ITEMS);
    });

    it('leaves the event loop its turns while signatures are checked', async () => {
      const requests = Array.from({ length: 100 }, () => subscribeRequest(newGroup()));
      expect(await turnsDuring(() => commands.subscribe(requests))).toBeGreaterThan(6);
    });
  });

  it('an empty list is answered with error 1', async () => {
    const refused = { error: 1, message: 'Invalid JSON: expected object or array of objects' };
    expect([await commands.subscribe([]), await commands.unsubscribe([])]).toEqual([refused, refused]);
  });

  describe('an item', () => {
    const missing = (name: string) => `Missing required parameter '${name}'`;
    const both = [
      ['pubkey', undefined, 4, missing('pubkey')],
      ['pubkey', null, 4, missing('pubkey')],
      ['pubkey', '05abc', 4, 'pubkey must be 33 bytes in hexadecimal or base64'],
      ['pubkey', 5, 4, 'pubkey must be 33 bytes in hexadecimal or base64'],
      ['session_ed25519', undefined, 4, missing('session_ed25519')],
      ['session_ed25519', null, 4, missing('session_ed25519')],
      ['session_ed25519', 'ab', 4, 'session_ed25519 must be 32 bytes in hexadecimal or base64'],
      ['session_ed25519', newSessionId().sessionEd25519, 4, 'session_ed25519 is not the key of this pubkey'],
      ['signature', undefined, 4, missing('signature')],
      ['signature', 'ab', 4, 'signature must be 64 bytes in hexadecimal or base64'],
      ['signature', '00'.repeat(64), 4, 'Signature verification failed'],
      ['sig_ts', undefined, 4, missing('sig_ts')],
      ['sig_ts', '1735689600', 4, 'sig_ts must be a whole number of seconds'],
      ['sig_ts', 1735689600.5, 4, 'sig_ts must be a whole number of seconds'],
      ['sig_ts', 1e300, 4, 'sig_ts must be a whole number of seconds'],
      ['service', undefined, 4, missing('service')],
      ['service', 'pigeon', 2, 'This notification service is not available'],
      ['service', 'toString', 2, 'This notification service is not available'],
      ['service', ['apns'], 2, 'This notification service is not available'],
      ['service_info', undefined, 4, missing('service_info')],
      ['service_info', 'token', 1, 'service_info must be an object'],
      ['service_info', [], 1, 'service_info must be an object'],
      ['service_info', {}, 1, missing('token')],
      ['service_info', { token: null }, 1, missing('token')],
      ['service_info', { token: '' }, 1, 'Firebase device token cannot be empty'],
      ['subaccount', '00'.repeat(36), 4, 'Cannot specify subaccount without subaccount_sig'],
      ['subaccount_sig', '00'.repeat(64), 4, 'Cannot specify subaccount_sig without subaccount'],
      ['subaccount', 'ab', 4, 'subaccount must be 36 bytes in hexadecimal or base64'],
      ['subaccount_sig', 'ab', 4, 'subaccount_sig must be 64 bytes in hexadecimal or base64'],
    ] as const;
    const onlySubscribe = [
      ['enc_key', undefined, 1, missing('enc_key')],
      ['enc_key', 'ab', 4, 'enc_key must be 32 bytes in hexadecimal or base64'],
      ['namespaces', undefined, 1, missing('namespaces')],
      ['namespaces', [], 4, 'Subscription: namespaces missing or empty'],
      ['namespaces', 0, 4, 'Subscription: namespaces missing or empty'],
      ['namespaces', [0, 0], 4, 'Subscription: namespaces contains duplicates'],
      ['namespaces', [1, 0], 4, 'Subscription: namespaces are not sorted numerically'],
      ['namespaces', [0, 32768], 4, 'Subscription: namespaces must be 16-bit integers'],
      ['namespaces', [-32769], 4, 'Subscription: namespaces must be 16-bit integers'],
      ['namespaces', ['0'], 4, 'Subscription: namespaces must be 16-bit integers'],
      ['namespaces', [0.5], 4, 'Subscription: namespaces must be 16-bit integers'],
      ['namespaces', [null], 4, 'Subscription: namespaces must be 16-bit integers'],
      ['namespaces', Array.from({ length: 33 }, (_, n) => n), 4, 'Subscription: at most 32 namespaces are possible'],
      ['data', undefined, 1, missing('data')],
      ['data', 1, 4, 'data must be true or false'],
      ['data', 'true', 4, 'data must be true or false'],
    ] as const;

    it.each([...both, ...onlySubscribe])('to subscribe is refused with %s = %j', async (key, value, error, message) => {
      const request = { ...subscribeRequest(newSessionId()), [key]: value };
      expect(await commands.subscribe(request)).toEqual({ error, message });
      expect(await stored()).toEqual([]);
    });

    it.each(both)('to unsubscribe is refused with %s = %j', async (key, value, error, message) => {
      const request = { ...unsubscribeRequest(newSessionId()), [key]: value };
      expect(await commands.unsubscribe(request)).toEqual({ error, message });
    });

    it('of a group has no session_ed25519', async () => {
      const request = { ...subscribeRequest(newGroup()), session_ed25519: newSessionId().sessionEd25519 };
      expect(await commands.subscribe(request)).toEqual({
        error: 4,
        message: 'session_ed25519 is for a pubkey that begins with 05 only',
      });
    });

    it('of a subaccount needs the owner’s leave, the member’s hand and the right to read', async () => {
      const group = newGroup();
      const [member, stranger] = [newMember(group), newMember(newGroup())];
      const request = subscribeRequest(member);
      const ask = (more: object) => commands.subscribe({ ...request, ...more });
      expect(await ask({ subaccount_sig: stranger.subaccount?.signature })).toEqual({
        error: 4,
        message: 'Subaccount auth signature verification failed',
      });
      expect(await ask({ signature: subscribeRequest(group)['signature'] })).toEqual({
        error: 4,
        message: 'Subaccount main signature verification failed',
      });
      const flags = (bits: string) => `03${bits}${member.subaccount?.tag.slice(4) ?? ''}`;
      expect(await ask({ subaccount: flags('02') })).toEqual({
        error: 4,
        message: 'Invalid subaccount: this subaccount does not have read permission',
      });
      expect(await ask({ subaccount: `05${flags('03').slice(2)}` })).toEqual({
        error: 4,
        message: 'Invalid subaccount: this subaccount is for another network prefix',
      });
      expect(await commands.subscribe(request)).toEqual(ADDED);
    });

    it('is refused when it was signed 14 days ago, or is a day ahead', async () => {
      vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_500 });
      const at = (sigTs: number) => commands.subscribe(subscribeRequest(newGroup(), { sigTs }));
      expect(await at(1_800_000_000 - 14 * 86_400)).toEqual({
        error: 4,
        message: 'Subscription: sig_ts timestamp is too old',
      });
      expect(await at(1_800_000_000 + 86_400)).toEqual({
        error: 4,
        message: 'Subscription: sig_ts timestamp is too far in the future',
      });
    });

    it.each([
      ['apns', 'xyz', 'Invalid APNs device token: it must be bytes in hexadecimal'],
      ['apns', 'abc', 'Invalid APNs device token: it must be bytes in hexadecimal'],
      ['apns-sandbox', '../3/device', 'Invalid APNs device token: it must be bytes in hexadecimal'],
      ['apns', 'ab'.repeat(513), /^Invalid APNs device token: it must be at most 1024 printable/],
      ['firebase', 'with space', /^Invalid Firebase device token: it must be at most 1024 printable ASCII/],
      ['firebase', 'ä', /^Invalid Firebase device token/],
      ['firebase', 'x'.repeat(1025), /^Invalid Firebase device token/],
      ['huawei', '', 'Huawei device token cannot be empty'],
      ['huawei', 7, /^Invalid Huawei device token/],
      ['apns', '', 'APNs device token cannot be empty'],
    ])('for %s is refused with the token %j', async (service, token, message) => {
      const request = { ...subscribeRequest(newSessionId(), { service }), service_info: { token } };
      expect(await commands.subscribe(request)).toEqual({
        error: 1,
        message: expect.stringMatching(message) as string,
      });
    });

    it.each([
      ['apns', 'ab'],
      ['apns', 'ab'.repeat(512)],
      ['firebase', 'x'.repeat(1024)],
      ['huawei', '!~'],
    ])('for %s may have a token of any length up to the bound', async (service, token) => {
      expect(await commands.subscribe(subscribeRequest(newSessionId(), { service, token }))).toEqual(ADDED);
    });

    it('may name as many namespaces as fit, the longest', async () => {
      const namespaces = Array.from({ length: MAX_NAMESPACES }, (_, index) => index - 32_768);
      expect(await commands.subscribe(subscribeRequest(newSessionId(), { namespaces }))).toEqual(ADDED);
      expect((await stored())[0]?.namespaces).toBe(namespaces.join(','));
    });
  });

  describe('a server that cannot push', () => {
    it('says so for each item, and stores nothing', async () => {
      const off = commandsWith([]);
      const message = 'firebase notification service not currently available';
      const [request, unsubscribe] = [subscribeRequest(newSessionId()), unsubscribeRequest(newSessionId())];
      expect(await off.subscribe(request)).toEqual({ error: 2, message });
      expect(await off.subscribe([request, request])).toEqual([
        { error: 2, message },
        { error: 2, message },
      ]);
      expect(await off.unsubscribe(unsubscribe)).toEqual({ error: 2, message });
      expect(await stored()).toEqual([]);
      expect(off.services()).toEqual({ services: [] });
    });

    it('through one service is there for the others', async () => {
      const some = commandsWith(['apns', 'huawei']);
      const [account, token] = [newSessionId(), newIosToken()];
      const through = (service: string) => subscribeRequest(account, { service, token });
      expect(await some.subscribe(['huawei', 'firebase', 'apns', 'apns-sandbox'].map(through))).toEqual([
        ADDED,
        { error: 2, message: 'firebase notification service not currently available' },
        ADDED,
        { error: 2, message: 'apns-sandbox notification service not currently available' },
      ]);
      expect(some.services()).toEqual({ services: ['apns', 'huawei'] });
    });

    it('because its database is away answers nothing, and has done nothing', async () => {
      const { dataSource } = database;
      await dataSource.query('ALTER TABLE ended_subscriptions RENAME TO ended_subscriptions_away');
      const request = subscribeRequest(newSessionId());
      await expect(
        commandsWith(PUSH_SERVICES, new DatabaseWriter(dataSource, new MetricsService())).subscribe([request]),
      ).rejects.toThrow(/ended_subscriptions/);
      await dataSource.query('ALTER TABLE ended_subscriptions_away RENAME TO ended_subscriptions');
      expect(await stored()).toEqual([]);
      // Nobody has to ask the database about an item that is wrong anyway.
      expect(await commands.subscribe([{ ...request, data: 7 }])).toMatchObject([{ error: 4 }]);
    });
  });

  describe('an account that has as many subscriptions as it may', () => {
    const registered = async () => (await stored()).map(({ token }) => token).toSorted();
    const fill = async (count: number, account = newSessionId()) => {
      const tokens = Array.from({ length: count }, (_, index) => `token-${String(index).padStart(4, '0')}`);
      await commands.subscribe(tokens.map((token) => subscribeRequest(account, { token })));
      return { account, tokens };
    };
    const accept = (...tokens: string[]) =>
      database.writer.write(async (manager) => {
        for (const token of tokens)
          await manager.query('UPDATE subscriptions SET accepted_at = 5 WHERE token = ?', [token]);
      });

    it('takes a new one, and the oldest that no provider ever took goes', async () => {
      const { account, tokens } = await fill(MAX_SUBSCRIPTIONS_PER_SESSION_ID);
      await accept(...tokens.filter((_, index) => index !== 40 && index !== 70));
      await commands.subscribe(subscribeRequest(account, { token: 'token-0070', sigTs: nowSeconds() + 1 }));
      expect(await commands.subscribe(subscribeRequest(account, { token: 'new' }))).toEqual(ADDED);
      expect(await registered()).toEqual(['new', ...tokens.toSpliced(40, 1)].toSorted());
    });

    it('takes a new one, and the oldest goes when providers took all of them', async () => {
      const { account, tokens } = await fill(MAX_SUBSCRIPTIONS_PER_SESSION_ID);
      await accept(...tokens);
      const renewed = tokens.slice(0, 50).map((token) => subscribeRequest(account, { token }));
      await commands.subscribe(renewed);
      expect(await commands.subscribe(subscribeRequest(account, { token: 'new' }))).toEqual(ADDED);
      expect(await registered()).toEqual(['new', ...tokens.toSpliced(50, 1)].toSorted());
    });

    it('answers as any other, and is never above the bound', async () => {
      const { account } = await fill(MAX_SUBSCRIPTIONS_PER_SESSION_ID);
      const requests = Array.from({ length: 150 }, (_, index) => subscribeRequest(account, { token: `more-${index}` }));
      expect(await commands.subscribe(requests)).toEqual(requests.map(() => ADDED));
      expect(await stored()).toHaveLength(MAX_SUBSCRIPTIONS_PER_SESSION_ID);
      expect((await registered()).every((token) => token.startsWith('more-'))).toBe(true);
    });

    it('loses nothing when one of them is renewed', async () => {
      const { account, tokens } = await fill(MAX_SUBSCRIPTIONS_PER_SESSION_ID);
      expect(await commands.subscribe(subscribeRequest(account, { token: tokens[7] ?? '' }))).toEqual(UPDATED);
      expect(await stored()).toHaveLength(MAX_SUBSCRIPTIONS_PER_SESSION_ID);
    });

    it('does not concern other accounts', async () => {
      await fill(MAX_SUBSCRIPTIONS_PER_SESSION_ID);
      await commands.subscribe(subscribeRequest(newSessionId(), { token: 'other' }));
      expect(await stored()).toHaveLength(MAX_SUBSCRIPTIONS_PER_SESSION_ID + 1);
    });
  });

  it('lets a member who fills a group lose his own phones, and no other member’s', { timeout: 60_000 }, async () => {
    const group = newGroup();
    const [admin, quiet, greedy] = [group, newMember(group), newMember(group)];
    const tokensOf = (name: string, count: number) => Array.from({ length: count }, (_, index) => `${name}-${index}`);
    const subscribe = (account: typeof group, tokens: readonly string[]) =>
      commands.subscribe(tokens.map((token) => subscribeRequest(account, { token })));
    await subscribe(admin, tokensOf('admin', 3));
    await subscribe(quiet, tokensOf('quiet', 2));
    await subscribe(greedy, tokensOf('first', 500));
    await subscribe(greedy, tokensOf('second', 500));
    const perName = async () => {
      const names = (await stored()).map(({ token }) => token.split('-')[0] ?? '');
      return Object.fromEntries([...Map.groupBy(names, (name) => name)].map(([name, all]) => [name, all.length]));
    };
    expect(await perName()).toEqual({ admin: 3, quiet: 2, first: 495, second: 500 });
    // However well his tokens work.
    await database.writer.write((manager) =>
      manager.query("UPDATE subscriptions SET accepted_at = 5 WHERE token LIKE 'second%' OR token LIKE 'first%'"),
    );
    await subscribe(newMember(group), ['new-0']);
    expect(await perName()).toEqual({ admin: 3, quiet: 2, new: 1, first: 494, second: 500 });
  });
});
