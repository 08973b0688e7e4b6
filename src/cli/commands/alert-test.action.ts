import { isTaken } from '../../alerts/hook.js';
import { describeAnswer, sendTestMessage } from '../../alerts/test-message.js';
import { loadConfig } from '../../config/app-config.js';
import { Outgoing } from '../../outgoing/outgoing.js';
import { CliError } from '../cli-error.js';
import { print } from '../output.js';

export async function testAlerts(): Promise<void> {
  const { alerts, proxy } = loadConfig();
  const { hook } = alerts;
  if (hook === null) throw new CliError('ALERT_WEBHOOK_URL is not set: no alert is sent.');
  const sent = await sendTestMessage(hook, new Outgoing(proxy));
  const sentence = describeAnswer(sent);
  if (!isTaken(sent.answer)) throw new CliError(`${sentence}. See ALERT_WEBHOOK_URL and ALERT_WEBHOOK_FORMAT.`);
  print(`${sentence}. Check that it looks as you want it.`);
}
