import { type Section, type Variable } from './variables.js';
import { wrap } from './wrap.js';

const HEAD =
  'Copy this file to .env and take the `#` away in front of what you change. Each line shows the default; nothing after ' +
  'the equals sign means "not set". The process\'s environment outweighs .env, and an empty value counts as not set. A ' +
  "value with a # or with spaces at its ends goes into quotes: STATISTICS_PASSWORD='it is #1'. The same as a page: " +
  'docs/configuration.md.';

/** The text of .env.example. */
export function envExample(sections: readonly Section[]): string {
  return `${[wrap(HEAD, '# '), ...sections.flatMap(block)].join('\n\n')}\n`;
}

function block({ title, description, variables }: Section): string[] {
  const heading = `# ---- ${title} ----`;
  return [description === undefined ? heading : `${heading}\n${wrap(description, '# ')}`, ...variables.map(lines)];
}

function lines({ name, meaning, takes, fallback = '', notes }: Variable): string {
  return `${wrap([meaning, `Takes ${takes}.`, ...notes].join(' '), '# ')}\n# ${name}=${fallback}`;
}
