import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { decodeTextFile } from '../encoding/text-file.js';
import { whyUnreadable } from './unreadable.js';

export interface EnvFile {
  readonly variables: NodeJS.Dict<string>;
  /** What cannot be understood of it; each names the file. */
  readonly problems: readonly string[];
}

/** `NAME=value`, in quotes over several lines too. */
const ENTRY = /^[ \t]*(?:export[ \t]+)?[A-Za-z_][\w.-]*[ \t]*=[ \t]*(?:"[^"]*"|'[^']*'|`[^`]*`|[^\n]*)[^\n]*$/gm;

/** Reads `.env`; one that is not there is empty. Node's parser passes over what it does not understand, which is told here. */
export function readEnvFile(path: string, known: readonly string[]): EnvFile {
  if (!existsSync(path)) return { variables: {}, problems: [] };
  const file = resolve(path);
  const none = (problem: string): EnvFile => ({ variables: {}, problems: [`${file} ${problem}`] });
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    return none(`cannot be read: ${whyUnreadable(error)}`);
  }
  const decoded = decodeTextFile(bytes);
  if ('problem' in decoded) return none(decoded.problem);
  const text = decoded.text.replaceAll(/\r\n?/g, '\n');
  const variables = parseEnv(text);
  return {
    variables,
    problems: [
      ...linesThatAreNone(text).map((line) => `${file} has no NAME=value in line ${line}`),
      ...swallowing(variables, known).map((name) => `${file} has a quote at ${name} that is not closed in its line`),
    ],
  };
}

/** The numbers of lines that are neither an entry nor a comment. */
function linesThatAreNone(text: string): number[] {
  const rest = text.replaceAll(ENTRY, (entry) => entry.replaceAll(/[^\n]/g, ''));
  return rest.split('\n').flatMap((line, index) => (/^\s*(#|$)/.test(line) ? [] : [index + 1]));
}

/** A quote that is not closed goes on to the next one, over the lines between. */
function swallowing(variables: NodeJS.Dict<string>, known: readonly string[]): string[] {
  return Object.entries(variables).flatMap(([name, value]) => {
    const [, ...more] = (value ?? '').split('\n');
    const isOver = more.length > 0 && known.includes(name);
    return isOver || more.some((line) => known.includes(line.split('=', 1)[0]?.trim() ?? '')) ? [name] : [];
  });
}
