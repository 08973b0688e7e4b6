import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface GuideCommand {
  readonly args: readonly string[];
  /** What is given to it on standard input. */
  readonly input: string;
}

const GUIDE = join(import.meta.dirname, '../../docs/migrating.md');
const COMMAND = /^(?:echo '(?<input>[^']*)' \| )?npm run -s cli -- (?<words>[^']*)(?:'(?<json>.*)')?$/;
const SECOND_PART = '\n## From the existing push server\n';

/** The commands of one part of docs/migrating.md in its own order. */
export function commandsOfGuide(from: 'original' | 'existing'): GuideCommand[] {
  const [original = '', existing = ''] = readFileSync(GUIDE, 'utf8').split(SECOND_PART);
  return { original, existing }[from].split('\n').flatMap((line) => {
    const { input = '', words, json } = COMMAND.exec(line)?.groups ?? {};
    if (words === undefined) return [];
    return { args: [...words.trim().split(' '), ...(json === undefined ? [] : [json])], input };
  });
}
