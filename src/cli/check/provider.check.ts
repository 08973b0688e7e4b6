import { DAY_MS } from '../../config/durations.js';
import { NO_CONTENT } from '../../providers/push-content.js';
import { randomUUID } from 'node:crypto';
import { type AppConfig } from '../../config/app-config.js';
import { adviceFor, adviceForWay } from '../../delivery/lanes/operator-advice.js';
import { PUSH_PROVIDERS } from '../../providers/provider-definitions.js';
import {
  type DeliveryResult,
  type Provider,
  PROVIDERS,
  type PushTransport,
  type RetryCause,
} from '../../providers/push-transport.js';
import { problemOf } from '../../common/words/problem-of.js';
import { type Check } from './check.js';

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
      const { impossibleToken } = PUSH_PROVIDERS[provider];
      if (impossibleToken === null)
        return [credential, { name: `${provider} service`, status: 'off', detail: 'each device has its own' }];
      const service: Check = offline
        ? { name: `${provider} service`, status: 'off', detail: 'not asked' }
        : { name: `${provider} service`, ...judge(await probe(transport, impossibleToken)) };
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
  if (expiresAt === null) return { status: 'ok', detail: 'can be used, does not expire' };
  const days = Math.floor((expiresAt - now) / DAY_MS);
  if (days < 0) return { status: 'failed', detail: `expired on ${new Date(expiresAt).toISOString().slice(0, 10)}` };
  const detail = `can be used, expires on ${new Date(expiresAt).toISOString().slice(0, 10)} (in ${days} days)`;
  return { status: days < EXPIRY_WARNING_DAYS ? 'warning' : 'ok', detail };
}

async function probe(transport: PushTransport, token: string): Promise<DeliveryResult> {
  const [result] = await transport.send({
    notificationId: randomUUID(),
    content: NO_CONTENT,
    urgency: 'high',
    expiresAt: Date.now() + PROBE_LIFETIME_MS,
    targets: [{ token, registeredAt: 0, apnsEnvironment: null }],
  });
  if (!result) throw new Error('The transport gave no result.');
  return result;
}

/** What the answer to a push for a device that cannot exist tells about us. */
export function judge(result: DeliveryResult): Omit<Check, 'name'> {
  switch (result.outcome) {
    case 'delivered':
      return { status: 'ok', detail: 'answers and accepts pushes' };
    case 'token-gone':
    case 'refused':
      return { status: 'ok', detail: `answers, and refuses only the device that cannot exist (${result.reason})` };
    case 'retry':
      return judgeFailure(result.cause, result.reason);
  }
}

function hint(reason: string): string {
  const advice = adviceForWay(reason);
  return advice === null ? '' : `: ${advice}`;
}

function judgeFailure(cause: RetryCause, reason: string): Omit<Check, 'name'> {
  switch (cause) {
    case 'credential':
    case 'configuration':
    case 'wrong-address':
      return { status: 'failed', detail: `refuses this server (${reason}): ${adviceFor(reason)}` };
    case 'device-throttled':
    case 'provider-throttled':
      return { status: 'warning', detail: `asks to try again later (${reason})` };
    case 'not-processed':
    case 'outcome-unknown':
    case 'provider-down':
    case 'host-down':
      return { status: 'failed', detail: `cannot be reached or is out of order (${reason})${hint(reason)}` };
  }
}
