import { randomUUID } from 'node:crypto';
import { text as readStream } from 'node:stream/consumers';
import { HOUR_MS } from '../../config/durations.js';
import { loadConfig } from '../../config/app-config.js';
import { adviceFor, adviceForWay } from '../../delivery/lanes/operator-advice.js';
import { isJsonObject, type JsonObject, parseJsonObject } from '../../encoding/json.js';
import { PUSH_PROVIDERS } from '../../providers/provider-definitions.js';
import { NO_CONTENT } from '../../providers/push-content.js';
import { type DeliveryResult, type Provider } from '../../providers/push-transport.js';
import { readServiceInfo, type ServiceInfo } from '../../subscriptions/dto/service-info.js';
import { serviceOf } from '../../subscriptions/registry/push-address.js';
import { CliError } from '../cli-error.js';
import { print } from '../output.js';

export interface PushOptions {
  provider: Provider;
  /** `-` = standard input. */
  token: string;
}

/** One push to one device, past the queue and the registry. */
export async function pushOnce({ provider, token }: PushOptions): Promise<void> {
  const info = deviceIn(token === '-' ? await readStream(process.stdin) : token, provider);
  const transport = await PUSH_PROVIDERS[provider].open(loadConfig());
  if (!transport) throw new CliError(`${provider} is not configured.`);
  try {
    const [result] = await transport.send({
      notificationId: randomUUID(),
      content: NO_CONTENT,
      urgency: 'high',
      expiresAt: Date.now() + HOUR_MS,
      targets: [
        {
          token: info.token,
          registeredAt: 0,
          apnsEnvironment: null,
          ...(info.extra && { serviceInfo: info.extra.toString('base64url') }),
        },
      ],
    });
    if (!result) throw new Error('The transport gave no result.');
    print(describeSuccess(provider, result));
  } finally {
    await transport.close();
  }
}

/** What was typed is not repeated: it is somebody's device. */
function deviceIn(typed: string, provider: Provider): ServiceInfo {
  const text = typed.trim();
  const service = serviceOf(provider, provider === 'apns' ? 'production' : null);
  // A provider that phones cannot subscribe for says itself what it makes of a token.
  if (service === null) return { token: text, extra: null };
  const info = readServiceInfo(service, service === 'webpush' ? subscriptionIn(text) : { token: text });
  if (typeof info === 'string') throw new CliError(`${info}.`);
  return info;
}

/** As apps send it in `service_info`, or as browsers give it out, with the keys one level down. */
function subscriptionIn(text: string): JsonObject {
  const value = parseJsonObject(text);
  if (!value) throw new CliError('A Web Push subscription is a JSON object with endpoint, p256dh and auth.');
  return isJsonObject(value['keys']) ? { ...value, ...value['keys'] } : value;
}

function describeSuccess(provider: Provider, result: DeliveryResult): string {
  switch (result.outcome) {
    case 'delivered': {
      const environment = result.apnsEnvironment ? ` in its ${result.apnsEnvironment} environment` : '';
      return `${provider} accepted the push${environment}. The phone shows the app's generic notice when it is reached.`;
    }
    case 'token-gone':
      throw new CliError(
        `${provider} says that there is no such device (${result.reason}): ${adviceFor(result.reason)}.`,
      );
    case 'refused':
      throw new CliError(`${provider} refuses the push (${result.reason}): ${adviceFor(result.reason)}.`);
    case 'retry': {
      const advice = adviceForWay(result.reason) ?? adviceFor(result.reason);
      throw new CliError(`${provider} did not accept the push now, ${result.cause} (${result.reason}): ${advice}.`);
    }
  }
}
