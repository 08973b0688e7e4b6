import { type Section, type Variable } from './variables.js';
import { wrap } from './wrap.js';

const HEAD = `# Configuration

<!-- Made from src/config/environment.ts by \`npm run docs:configuration\`. -->

Every setting is an environment variable, or a line in \`.env\` in the folder where it starts.
[.env.example](../.env.example) is such a file with all of them.

- The process's environment outweighs \`.env\`. An empty value counts as not set. Other variables are not read; the start
  warns about those that look like misspelled ones of this page.
- Where it says "Or NAME_FILE", the value may be in a file, whose path that variable has; not both.
- In \`.env\` a value with a \`#\` or with spaces at its ends goes into quotes, single, double or backward:
  \`STATISTICS_PASSWORD='it is #1'\`. Without them a \`#\` begins a comment. A quote cannot be escaped: use another kind.
- A wrong or incomplete configuration stops the start with one list of what to fix. \`npm run cli -- check\` tells the same, and whether
  the database, Redis and the push services can be reached with it.
- A change takes effect at the next start. Credential files are looked at while the server runs: see
  [operating](operating.md) and [delivery](delivery.md).
- A push service that is not configured is off: the start says so, and pushes for its devices are counted and dropped.`;

/** The text of docs/configuration.md. */
export function configurationPage(sections: readonly Section[]): string {
  const names = sections.flatMap(({ variables }) => variables.map(({ name }) => name));
  const asMarkdown = (text: string) =>
    text
      .replaceAll(new RegExp(`\\b(${names.join('|')})\\b`, 'g'), '`$1`')
      .replaceAll(/\b(?:https?|rediss?|mysql|sqlite):\S+/g, '`$&`')
      .replaceAll(/docs\/([a-z]+)\.md/g, '[$1]($1.md)');
  const parts = sections.flatMap(({ title, description, variables }) => [
    `## ${title}`,
    ...(description === undefined ? [] : [wrap(asMarkdown(description))]),
    ...variables.map((variable) => entry(variable, asMarkdown)),
  ]);
  return `${[HEAD, ...parts].join('\n\n')}\n`;
}

function entry({ name, meaning, takes, fallback, notes }: Variable, asMarkdown: (text: string) => string): string {
  const value = fallback === undefined ? 'not set' : `\`${fallback}\``;
  const points = [`Takes ${asMarkdown(takes)}.`, `Default: ${value}.`, ...notes.map(asMarkdown)];
  return `### \`${name}\`\n\n${wrap(asMarkdown(meaning))}\n\n${points.map((point) => `- ${point}`).join('\n')}`;
}
