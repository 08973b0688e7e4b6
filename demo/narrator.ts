import { styleText } from 'node:util';
import { type ReceivedPush } from '../gateways/recorder.js';
import { type Provider } from '../test/support/gateways.js';

const NAMES: Record<Provider, string> = { apns: 'APNs', fcm: 'FCM', huawei: 'HMS', webpush: 'Web Push' };
const SHOWN_HEADERS = /^apns-(?!id|collapse)/;

type Style = Parameters<typeof styleText>[0];

/** Tells the story on standard output; in colour when that is a terminal. */
export class Narrator {
  private chapters = 0;

  chapter(title: string): void {
    this.line(`\n${paint('bold', `${++this.chapters}. ${title}`)}`);
  }

  step(text: string): void {
    this.line(`   ${text}`);
  }

  detail(text: string): void {
    this.line(paint('dim', text.replace(/^/gm, '     ')));
  }

  good(text: string): void {
    this.line(`   ${paint('green', 'ok')} ${text}`);
  }

  bad(text: string): void {
    process.stderr.write(`\n${paint('red', 'The demo failed:')} ${text}\n`);
  }

  /** The push as its gateway got it. Contents and tokens are cut: they are long and say nothing. */
  push(provider: Provider, { headers, body, rawBody }: ReceivedPush): void {
    this.line(`   ${paint('cyan', `${NAMES[provider]} received`)} ${rawBody.length} bytes`);
    for (const [name, value] of Object.entries(headers)) {
      if (SHOWN_HEADERS.test(name)) this.detail(`${name}: ${value}`);
    }
    this.detail(JSON.stringify(body, (_name, value: unknown) => shortened(value), 2));
  }

  line(text = ''): void {
    process.stdout.write(`${text}\n`);
  }
}

export function shortened(value: unknown): unknown {
  return typeof value === 'string' && value.length > 60
    ? `${value.slice(0, 24)}... (${value.length} characters)`
    : value;
}

function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}
