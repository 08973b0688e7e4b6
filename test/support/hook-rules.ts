import { type IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';

export interface HookRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** A chat program, with what it is documented to take from a web hook. */
export type HookProgram = 'slack' | 'discord' | 'teams' | 'ntfy';

interface Ruling {
  readonly status: number;
  readonly text: string;
  /** What people read there; null = it was refused. */
  readonly shown: string | null;
}

const slackMessage = z.strictObject({ text: z.string().min(1).max(40_000) });

/** Discord, "Execute Webhook". */
const discordMessage = z.strictObject({
  content: z.string().min(1).max(2000),
  allowed_mentions: z.strictObject({ parse: z.array(z.string()) }),
});

/** Microsoft, "Create an Incoming Webhook" with Adaptive Cards, as Workflows take it. */
const teamsMessage = z.strictObject({
  type: z.literal('message'),
  attachments: z.tuple([
    z.strictObject({
      contentType: z.literal('application/vnd.microsoft.card.adaptive'),
      contentUrl: z.null(),
      content: z.strictObject({
        $schema: z.literal('http://adaptivecards.io/schemas/adaptive-card.json'),
        type: z.literal('AdaptiveCard'),
        version: z.string(),
        body: z.tuple([
          z.strictObject({
            type: z.literal('TextBlock'),
            text: z.string().min(1),
            wrap: z.literal(true),
            color: z.enum(['attention', 'warning', 'good', 'default']).optional(),
          }),
        ]),
      }),
    }),
  ]),
});

/** What the program answers to a request. */
export function ruleOf(program: HookProgram, { headers, text }: HookRequest): Ruling {
  if (program === 'ntfy') return ruleOfNtfy(headers, text);
  if (headers['content-type'] !== 'application/json') return { status: 415, text: 'unsupported', shown: null };
  const body: unknown = JSON.parse(text);
  switch (program) {
    case 'slack': {
      const { data } = slackMessage.safeParse(body);
      if (!data || /[<>]|&(?!amp;|lt;|gt;)/.test(data.text))
        return { status: 400, text: 'invalid_payload', shown: null };
      const shown = data.text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
      return { status: 200, text: 'ok', shown };
    }
    case 'discord': {
      const { data } = discordMessage.safeParse(body);
      if (data) return { status: 204, text: '', shown: data.content };
      return { status: 400, text: '{"message": "Cannot send an empty message", "code": 50006}', shown: null };
    }
    case 'teams': {
      const { data } = teamsMessage.safeParse(body);
      if (data) return { status: 202, text: '', shown: data.attachments[0].content.body[0].text };
      return { status: 400, text: '{"error": {"code": "InvalidRequestContent"}}', shown: null };
    }
  }
}

/** ntfy, "Publishing": the body is the message, and what is longer than 4,096 bytes becomes a file. */
function ruleOfNtfy(headers: HookRequest['headers'], text: string): Ruling {
  const { priority = '', title = '', tags = '' } = headers;
  const isWell =
    ['min', 'low', 'default', 'high', 'max'].includes(String(priority)) &&
    /^[\x20-\x7e]{1,250}$/.test(String(title)) &&
    /^[a-z_]+$/.test(String(tags));
  if (!isWell) return { status: 400, text: '{"code":40007,"http":400,"error":"invalid request"}', shown: null };
  if (Buffer.byteLength(text) > 4096) return { status: 200, text: '{"attachment":{}}', shown: 'attachment.txt' };
  return { status: 200, text: '{"id":"hwQ2YpKdmg"}', shown: `${String(title)} [${String(priority)}] ${text}` };
}
