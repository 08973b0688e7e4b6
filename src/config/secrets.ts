import { z } from 'zod';
import { type Environment, ENVIRONMENT_VARIABLES, variablesSchema } from './environment.js';

type Name = keyof Environment;

const metaOf = (name: Name): Readonly<Record<string, unknown>> =>
  z.globalRegistry.get(variablesSchema.shape[name]) ?? {};

/** Blanks and quotes may be part of the value: a password, not a path, a URL or an id. */
export const isVerbatim = (name: Name): boolean => metaOf(name)['verbatim'] === true;

/**
 * Variables whose value may be in a file that `NAME_FILE` names, as container platforms hand out secrets: all that the schema
 * calls secret, but those whose `NAME_FILE` is a variable of its own.
 */
export const SECRETS: readonly Name[] = ENVIRONMENT_VARIABLES.filter(
  (name) => metaOf(name)['secret'] === true && !(ENVIRONMENT_VARIABLES as readonly string[]).includes(fileOf(name)),
);

export function fileOf(secret: Name): `${Name}_FILE` {
  return `${secret}_FILE`;
}

/** Everything that the server reads of its environment. */
export const KNOWN_VARIABLES: readonly string[] = [...ENVIRONMENT_VARIABLES, ...SECRETS.map(fileOf)];
