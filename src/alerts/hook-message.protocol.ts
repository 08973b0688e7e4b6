/** How a web hook wants to be told. `json` is our own form, which Mattermost and relays take as well. */
export type HookFormat = 'json' | 'slack' | 'discord' | 'teams' | 'ntfy';

/** One message to the operator. `text` is for people, the rest for programs. */
export interface HookMessage {
  readonly text: string;
  readonly kind: string;
  readonly severity: 'info' | 'warning';
  /** ISO 8601 in UTC. */
  readonly at: string;
  readonly details: object;
}

/** What is posted. */
export interface HookRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Characters of Discord's `content`. */
const DISCORD_LIMIT = 2000;
/** Bytes that ntfy shows as a message; it makes a file of more. */
const NTFY_LIMIT = 4096;
/** Slack cuts `text` at 40,000 characters; Teams refuses messages above 28 KB. */
const LONGEST = 10_000;

/** Hosts that take one form and no other; of all others our own JSON is expected. */
const HOSTS: readonly [pattern: RegExp, format: HookFormat][] = [
  [/(^|\.)slack\.com$/, 'slack'],
  [/^(\w+\.)?discord(app)?\.com$/, 'discord'],
  [/(^|\.)(webhook\.office\.com|logic\.azure\.com|api\.powerplatform\.com)$/, 'teams'],
  [/^ntfy\.sh$/, 'ntfy'],
];

/** The form that the host of a hook is known for. Discord takes Slack's at an address that ends with `/slack`. */
export function formatOfHook(url: string): HookFormat {
  const { hostname, pathname } = new URL(url);
  const format = HOSTS.find(([pattern]) => pattern.test(hostname))?.[1] ?? 'json';
  return format === 'discord' && pathname.endsWith('/slack') ? 'slack' : format;
}

/**
 * Writes a message in the form of a hook.
 *
 * - `json`: all of it, as it is
 * - `slack`: `{"text"}`, in which `&`, `<` and `>` are written as entities (Slack, "Formatting text for app surfaces")
 * - `discord`: `{"content", "allowed_mentions"}`, at most 2,000 characters; without `content` it is refused as empty (Discord,
 *   "Execute Webhook")
 * - `teams`: `{"type": "message", "attachments"}` with one Adaptive Card (Microsoft, "Create Incoming Webhooks", Workflows)
 * - `ntfy`: the text itself, at most 4,096 bytes, with title, priority and tag in headers (ntfy, "Publishing")
 */
export function hookRequest(format: HookFormat, message: HookMessage): HookRequest {
  const text = cut(message.text, LONGEST);
  switch (format) {
    case 'json':
      return json(message);
    case 'slack':
      return json({ text: text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;') });
    case 'discord':
      return json({ content: cut(text, DISCORD_LIMIT), allowed_mentions: { parse: [] } });
    case 'teams':
      return json(teamsMessage(text, message.severity));
    case 'ntfy':
      return {
        headers: {
          'content-type': 'text/plain; charset=utf-8',
          title: 'Session push server',
          priority: message.severity === 'warning' ? 'high' : 'default',
          tags: message.severity === 'warning' ? 'warning' : 'information_source',
        },
        body: cutBytes(text, NTFY_LIMIT),
      };
  }
}

function teamsMessage(text: string, severity: HookMessage['severity']): object {
  const block = { type: 'TextBlock', text, wrap: true, ...(severity === 'warning' ? { color: 'attention' } : {}) };
  const content = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.2',
    body: [block],
  };
  return {
    type: 'message',
    attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content }],
  };
}

const json = (body: object): HookRequest => ({
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

function cut(text: string, characters: number): string {
  return text.length <= characters ? text : `${text.slice(0, characters - 1)}…`;
}

/** To so many bytes of UTF-8, between characters. */
function cutBytes(text: string, bytes: number): string {
  let short = text;
  while (Buffer.byteLength(short) > bytes) short = cut(short, short.length - 1);
  return short;
}
