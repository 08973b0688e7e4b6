import { isTaken } from '../../alerts/hook.js';
import { describeAnswer, sendTestMessage } from '../../alerts/test-message.js';
import { type AppConfig } from '../../config/app-config.js';
import { Outgoing } from '../../outgoing/outgoing.js';
import { type Check } from './check.js';

/** Posts a test message. */
export async function checkAlerts({ alerts: { hook }, proxy }: AppConfig, offline: boolean): Promise<Check> {
  const name = 'alerts';
  if (hook === null) return { name, status: 'off', detail: 'set ALERT_WEBHOOK_URL to get alerts' };
  if (offline) return { name, status: 'off', detail: 'not asked' };
  const sent = await sendTestMessage(hook, new Outgoing(proxy));
  return { name, status: isTaken(sent.answer) ? 'ok' : 'failed', detail: describeAnswer(sent) };
}
