import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parseConfig } from './app-config.js';
import { ENVIRONMENT_VARIABLES } from './environment.js';

const ASSIGNMENT = /^# ([A-Z_]+)=.*$/;
const lines = readFileSync('.env.example', 'utf8').split('\n');
const shown = parseEnv(lines.flatMap((line) => (ASSIGNMENT.test(line) ? line.slice(2) : [])).join('\n'));
const names = lines.flatMap((line) => ASSIGNMENT.exec(line)?.[1] ?? []);

/** Not quite the default when it is written out: a key file that is named has to be there. */
const KEY_FILE = { ONION_PRIVATE_KEY_FILE: parseConfig({}).onionPrivateKeyFile };

describe('.env.example', () => {
  it('lists every variable once and no other', () => {
    expect(names.toSorted()).toEqual(ENVIRONMENT_VARIABLES.toSorted());
  });

  it('sets nothing when it is copied as it is', () => {
    expect(parseEnv(lines.join('\n'))).toEqual({});
  });

  it('shows the defaults', () => {
    expect(parseConfig(shown)).toEqual(parseConfig(KEY_FILE));
  });

  it('shows the defaults of providers that are configured, too', () => {
    const notEmpty = Object.fromEntries(Object.entries(shown).filter(([, value]) => value !== ''));
    const providers = {
      APNS_CERT_FILE: 'package.json',
      FCM_SERVICE_ACCOUNT_FILE: 'package.json',
      HUAWEI_APP_ID: 'id',
      HUAWEI_APP_SECRET: 'secret',
    };
    expect(parseConfig({ ...notEmpty, ...providers })).toEqual(parseConfig({ ...KEY_FILE, ...providers }));
  });
});
