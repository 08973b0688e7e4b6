import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import webPush from 'web-push';
import { makeVapidKey, readVapidKey } from './vapid-key.js';
import { VapidTokens } from './vapid-tokens.js';

const folder = mkdtempSync(join(tmpdir(), 'spns-vapid-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the VAPID key', () => {
  it('is made for its owner alone, and read again', () => {
    const file = join(folder, 'new', 'vapid.pem');
    const made = makeVapidKey(file);
    expect(readVapidKey(file)).toEqual(made);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(Buffer.from(made.publicKey, 'base64url')).toHaveLength(65);
    expect(Buffer.from(made.privateKey, 'base64url')).toHaveLength(32);
  });

  it('is not made where there is a file', () => {
    const file = join(folder, 'old.pem');
    writeFileSync(file, 'mine');
    expect(() => makeVapidKey(file)).toThrow('cannot be created (EEXIST)');
    expect(readFileSync(file, 'utf8')).toBe('mine');
  });

  it('may be in the older form', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const file = join(folder, 'sec1.pem');
    writeFileSync(file, privateKey.export({ type: 'sec1', format: 'pem' }));
    expect(readVapidKey(file).privateKey).toBe(privateKey.export({ format: 'jwk' }).d);
  });

  it('is nothing else', () => {
    const write = (name: string, content: string | Buffer): string => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    };
    const other = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey.export({
      type: 'pkcs8',
      format: 'pem',
    });
    expect(() => readVapidKey(join(folder, 'none'))).toThrow(
      /^VAPID_KEY_FILE \(.*none\) cannot be read: there is no such file$/,
    );
    expect(() => readVapidKey(write('text', 'secret'))).toThrow(
      /^VAPID_KEY_FILE \(.*text\) is not a private key in PEM form/,
    );
    expect(() => readVapidKey(write('p384', other))).toThrow(
      /^VAPID_KEY_FILE \(.*p384\) must hold an EC key on the curve P-256$/,
    );
  });
});

describe('the JWT of an origin', () => {
  const key = makeVapidKey(join(folder, 'jwt.pem'));
  const HOUR_MS = 3_600_000;
  let signed = 0;
  const open = () =>
    new VapidTokens(key, 'mailto:operator@example.org', (origin, subject, { publicKey, privateKey }, expires) => {
      signed++;
      return webPush.getVapidHeaders(origin, subject, publicKey, privateKey, 'aes128gcm', expires).Authorization;
    });

  it('says who we are to whom, and until when', () => {
    const now = Date.now();
    const authorization = open().authorizationFor('https://push.example.org', now);
    const [, jwt = '', k] = /^vapid t=(\S+), k=(\S+)$/.exec(authorization) ?? [];
    const [header = '', claims = '', signature = ''] = jwt.split('.');
    expect(k).toBe(key.publicKey);
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({ typ: 'JWT', alg: 'ES256' });
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toEqual({
      aud: 'https://push.example.org',
      exp: Math.floor(now / 1000) + 12 * 3600,
      sub: 'mailto:operator@example.org',
    });
    const pem = readFileSync(join(folder, 'jwt.pem'));
    const publicKey = { key: createPublicKey(pem), dsaEncoding: 'ieee-p1363' as const };
    expect(verify('sha256', Buffer.from(`${header}.${claims}`), publicKey, Buffer.from(signature, 'base64url'))).toBe(
      true,
    );
  });

  it('is shared for hours, and made anew before it ends or when the clock was set back', () => {
    const tokens = open();
    const [origin, now] = ['https://push.example.org', Date.now()];
    signed = 0;
    for (const at of [now, now + HOUR_MS, now + 6 * HOUR_MS - 1]) tokens.authorizationFor(origin, at);
    expect(signed).toBe(1);
    tokens.authorizationFor('https://other.example.org', now);
    expect(signed).toBe(2);
    tokens.authorizationFor(origin, now + 6 * HOUR_MS);
    expect(signed).toBe(3);
    tokens.authorizationFor(origin, now);
    expect(signed).toBe(4);
  });
});
