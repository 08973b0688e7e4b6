import { hostname } from 'node:os';
import { type AlertHookConfig } from '../config/app-config.js';
import { type Outgoing } from '../outgoing/outgoing.js';
import { type HookFormat } from './hook-message.protocol.js';
import { Hook, type HookAnswer } from './hook.js';

const DEADLINE_MS = 10_000;

/** Posts a message that says that it is a test, in the form of an alert. */
export async function sendTestMessage(
  config: AlertHookConfig,
  outgoing: Outgoing,
): Promise<{ format: HookFormat; answer: HookAnswer }> {
  const hook = new Hook(config, outgoing);
  const message = {
    text: `Session push server on ${hostname()}: this is a test of alerts. Nothing is wrong.`,
    kind: 'test',
    severity: 'info' as const,
    at: new Date().toISOString(),
    details: {},
  };
  return { format: hook.format, answer: await hook.post(message, AbortSignal.timeout(DEADLINE_MS)) };
}

/** One sentence for the operator. */
export function describeAnswer({ format, answer }: { format: HookFormat; answer: HookAnswer }): string {
  if (answer.kind === 'none') return `the hook cannot be reached or does not answer (${answer.reason})`;
  const words = answer.text === '' ? '' : ` ${JSON.stringify(answer.text)}`;
  return `the hook answers ${answer.status}${words} to a test message in the form ${format}`;
}
