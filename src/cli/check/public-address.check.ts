import { existsSync } from 'node:fs';
import { type AppConfig } from '../../config/app-config.js';
import { isJsonObject } from '../../encoding/json.js';
import { problemOf } from '../../common/words/problem-of.js';
import { offerOf } from '../../subscriptions/offer.js';
import { PUSH_SERVICES } from '../../subscriptions/wire/push-service.js';
import { readPublicKey } from '../onion-key.js';
import { askServer, NoAnswerError } from '../onion-request.js';
import { type Check } from './check.js';

const name = 'public address';

/** Asks the server what it pushes through, as an app does and the way that an app's request comes: from outside, by its name. */
export async function checkPublicAddress(config: AppConfig, url: string | null): Promise<Check> {
  if (url === null) return { name, status: 'off', detail: 'name it with --url https://push.example.org' };
  if (!existsSync(config.onionPrivateKeyFile))
    return { name, status: 'failed', detail: 'not asked: without a key there is nothing to ask with' };
  try {
    const { status, body } = await askServer(url, {
      version: 'v4',
      serverPublicKey: Buffer.from(readPublicKey(config.onionPrivateKeyFile), 'hex'),
      endpoint: '/services',
      args: {},
    });
    const services: unknown = isJsonObject(body) ? body['services'] : null;
    if (status !== 200 || !Array.isArray(services))
      return { name, status: 'failed', detail: `${url} answers, but not as this server does` };
    return { name, ...judge(url, services.map(String), config) };
  } catch (error) {
    return { name, status: 'failed', detail: describe(error) };
  }
}

function judge(url: string, answered: readonly string[], config: AppConfig): Omit<Check, 'name'> {
  const { services } = offerOf(config);
  const expected = PUSH_SERVICES.filter((service) => services.has(service));
  const listed = (some: readonly string[]): string => (some.length === 0 ? 'nothing' : some.join(', '));
  if (answered.join() !== expected.join()) {
    const difference = `the server at ${url} pushes through ${listed(answered)}, but these settings say ${listed(expected)}`;
    return { status: 'failed', detail: `${difference}: restart it, or check which settings it runs with` };
  }
  const said = `${url} answers an onion request and pushes through ${listed(answered)}`;
  if (new URL(url).protocol === 'https:') return { status: 'ok', detail: said };
  return { status: 'failed', detail: `${said}, but service nodes ask by https only` };
}

/** Node's and OpenSSL's codes for a certificate that is not trusted, over, or of another name. */
const CERTIFICATE = /CERT|SIGNATURE|ERR_TLS/;

function describe(error: unknown): string {
  if (!(error instanceof NoAnswerError) || !CERTIFICATE.test(error.reason)) return problemOf(error);
  return `its certificate is not one that service nodes trust (${error.reason})`;
}
