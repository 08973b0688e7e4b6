import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { decodeTextFile } from '../encoding/text-file.js';
import { type Problem } from './environment-rules.js';
import { type Environment, ENVIRONMENT_VARIABLES } from './environment.js';
import { fileOf, isVerbatim, SECRETS } from './secrets.js';
import { fileProblem } from './unreadable.js';

type Name = keyof Environment;
type Variables = Readonly<Record<string, string | undefined>>;

/** The variables that are set, without marks, blanks and quotes that do not belong to their values. */
export interface Given {
  readonly set: Readonly<Partial<Record<Name, string>>>;
  /** What cannot be understood as it stands, whatever it should be. */
  readonly problems: readonly Problem[];
  /** How a variable is called in messages: a secret that comes from a file by that file. */
  readonly calledBy: (name: Name) => string;
}

/** `process`: a program put it there as it is. `env-file`: the quotes around it are gone. `file`: all that the file holds. */
type Source = 'process' | 'env-file' | 'file';

type Reading = { readonly value: string } | { readonly problem: string };

/**
 * Reads the server's variables: those of the process outweigh those of `.env`. Marks, line ends, blanks and quotes that an
 * editor or a program put around a value do not belong to it.
 */
export function givenVariables(environment: Variables, envFile: Variables): Given {
  const set: Partial<Record<Name, string>> = {};
  const problems: Problem[] = [];
  const files: Partial<Record<Name, string>> = {};
  const take = (name: Name, reading: Reading): void => {
    if ('problem' in reading) problems.push({ name, message: reading.problem });
    else if (reading.value !== '') set[name] = reading.value;
  };
  const find = (name: string): { text: string; source: Source } | null => {
    const isOfProcess = (environment[name] ?? '') !== '';
    const text = isOfProcess ? environment[name] : envFile[name];
    if (text === undefined || text === '') return null;
    const source = isOfProcess ? 'process' : 'env-file';
    return { text: name.endsWith('_FILE') ? withCredentials(text, environment) : text, source };
  };
  for (const name of ENVIRONMENT_VARIABLES) {
    const found = find(name);
    const file = SECRETS.includes(name) ? find(fileOf(name)) : null;
    if (found && file) problems.push({ name, message: `cannot be used together with ${fileOf(name)}: choose one` });
    else if (found) take(name, readValue(name, found.text, found.source));
    else if (file) {
      const path = unwrapped(file.text, file.source);
      files[name] = path;
      take(name, readSecretFile(name, path));
    }
  }
  const calledBy = (name: Name): string => {
    const file = files[name];
    if (file === undefined) return name;
    // What cannot be read is perhaps no path; the message says what may be said of it.
    return fileProblem(file) === null ? `${fileOf(name)} (${resolve(file)})` : fileOf(name);
  };
  return { set, problems, calledBy };
}

/**
 * systemd gives each unit copies of its credentials in a folder of the unit's own, and does not fill in its name where a unit's variables are
 * read from a file. Source: systemd.exec(5), "LoadCredential".
 */
function withCredentials(path: string, { CREDENTIALS_DIRECTORY: folder }: Variables): string {
  return folder === undefined
    ? path
    : path.replace(/^\$(?:CREDENTIALS_DIRECTORY|\{CREDENTIALS_DIRECTORY\})(?=\/)/, () => folder);
}

function readSecretFile(name: Name, path: string): Reading {
  const problem = fileProblem(path);
  if (problem !== null) return { problem };
  const decoded = decodeTextFile(readFileSync(path));
  if ('problem' in decoded) return decoded;
  const reading = readValue(name, decoded.text, 'file');
  return 'value' in reading && reading.value === '' ? { problem: 'is empty' } : reading;
}

function readValue(name: Name, given: string, source: Source): Reading {
  return isVerbatim(name) ? readVerbatim(given, source) : readPlain(given, source);
}

/** A path, a URL, a number, an id: nothing that cannot be seen belongs to it, and no quotes. */
function readPlain(given: string, source: Source): Reading {
  const value = unwrapped(given, source);
  const hidden = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.exec(value)?.[0].codePointAt(0);
  if (hidden !== undefined) {
    const code = hidden.toString(16).toUpperCase().padStart(4, '0');
    return { problem: `holds a character that cannot be seen (U+${code}): write it anew` };
  }
  if (/^["'`]|["'`]$/.test(value)) return { problem: 'has a quote at one of its ends: take it away' };
  return { value };
}

/** A password: whether a blank or a quote belongs to it is not guessed, but asked for. */
function readVerbatim(given: string, source: Source): Reading {
  const value = given.replace(/^\uFEFF/, '').replace(/(?:\r?\n|\r)$/, '');
  if (/[\r\n]/.test(value)) return { problem: 'has several lines' };
  if (source !== 'process') return { value };
  const how = 'if it belongs to the value, put that into a file (..._FILE) or into .env, within other quotes';
  if (/^\s|\s$/.test(value)) return { problem: `begins or ends with a blank: take it away; ${how}` };
  if (IN_QUOTES.test(value)) return { problem: `is in quotes: take them away; ${how}` };
  return { value };
}

const IN_QUOTES = /^(["'`])[^]*\1$/;

function unwrapped(given: string, source: Source): string {
  const value = given.replace(/^\uFEFF/, '').trim();
  return source === 'process' && IN_QUOTES.test(value) ? value.slice(1, -1).trim() : value;
}
