import { randomUUID } from 'node:crypto';
import { type AppConfig } from '../../config/app-config.js';
import { adviceFor } from '../../notifications/delivery/operator-advice.js';
import { PUSH_PROVIDERS } from '../../notifications/transports/push-providers.js';
import {
  type DeliveryResult,
  type Provider,
  PROVIDERS,
  type PushTransport,
  type RetryCause,
} from '../../notifications/transports/push-transport.js';
import { problemOf } from '../problem-of.js';
import { type Check } from './check.js';

const DAY_MS = 86_400_000;
const EXPIRY_WARNING_DAYS = 30;
const PROBE_LIFETIME_MS = 60_000;

/** The services are asked side by side: one that does not answer takes its time. */
export async function checkProviders(config: AppConfig, { offline }: { offline: boolean }): Promise<Check[]> {
  return (await Promise.all(PROVIDERS.map((provider) => checkProvider(provider, config, offline)))).flat();
}

async function checkProvider(provider: Provider, config: AppConfig, offline: boolean): Promise<Check[]> {
  const name = `${provider} credential`;
  try {
    const transport = await PUSH_PROVIDERS[provider].open(config);
    if (!transport) return [{ name: provider, status: 'off', detail: 'not configured, its pushes are dropped' }];
    try {
      const credential = { name, ...describeExpiry(transport.credentialExpiresAt(), Date.now()) };
      const service: Check = offline
        ? { name: `${provider} service`, status: 'off', detail: 'not asked' }
        : { name: `${provider} service`, ...judge(await probe(transport)) };
      return [credential, service];
    } finally {
      await transport.close();
    }
  } catch (error) {
    return [{ name, status: 'failed', detail: problemOf(error) }];
  }
}

/** @param now UTC epoch milliseconds */
export function describeExpiry(expiresAt: number | null, now: number): Omit<Check, 'name'> {
  if (expiresAt === null) return { status: 'ok', detail: 'can be used, does not end by itself' };
  const days = Math.floor((expiresAt - now) / DAY_MS);
  const detail = `can be used, ends on ${new Date(expiresAt).toISOString().slice(0, 10)} (in ${days} days)`;
  return { status: days < EXPIRY_WARNING_DAYS ? 'warning' : 'ok', detail };
}

async function probe(transport: PushTransport): Promise<DeliveryResult> {
  const [result] = await transport.send({
    notificationId: randomUUID(),
    data: null,
    expiresAt: Date.now() + PROBE_LIFETIME_MS,
    targets: [{ token: PUSH_PROVIDERS[transport.provider].impossibleToken, registeredAt: 0, apnsEnvironment: null }],
  });
  if (!result) throw new Error('The transport gave no result.');
  return result;
}

/** What the answer to a push for a device that cannot exist tells about us. */
export function judge(result: DeliveryResult): Omit<Check, 'name'> {
  switch (result.outcome) {
    case 'delivered':
      return { status: 'ok', detail: 'answers and takes our pushes' };
    case 'token-gone':
    case 'refused':
      return { status: 'ok', detail: `answers, and refuses only the device that cannot exist (${result.reason})` };
    case 'retry':
      return judgeFailure(result.cause, result.reason);
  }
}

function judgeFailure(cause: RetryCause, reason: string): Omit<Check, 'name'> {
  switch (cause) {
    case 'credential':
    case 'configuration':
    case 'wrong-address':
      return { status: 'failed', detail: `refuses us (${reason}): ${adviceFor(reason)}` };
    case 'device-throttled':
    case 'provider-throttled':
      return { status: 'warning', detail: `asks to come back later (${reason})` };
    case 'not-processed':
    case 'outcome-unknown':
    case 'provider-down':
      return { status: 'failed', detail: `cannot be reached or is out of order (${reason})` };
  }
}
