import { z } from 'zod';
import { ENVIRONMENT_RULES } from '../../src/config/environment-rules.js';
import { type Environment, ENVIRONMENT_SECTIONS } from '../../src/config/environment.js';
import { fileOf, SECRETS } from '../../src/config/secrets.js';

export interface Section {
  readonly title: string;
  readonly description?: string;
  readonly variables: readonly Variable[];
}

/** A variable in words, as far as its schema and the rules have them. */
export interface Variable {
  readonly name: string;
  readonly meaning: string;
  readonly takes: string;
  /** Absent = nothing is the default. */
  readonly fallback?: string;
  /** What it needs of others and what it excludes. */
  readonly notes: readonly string[];
}

/** What `z.toJSONSchema` makes of a variable. */
const jsonSchema = z.object({
  description: z.string(),
  default: z.coerce.string().optional(),
  takes: z.string().optional(),
  enum: z.array(z.string()).optional(),
  type: z.string(),
  minimum: z.number().optional(),
  exclusiveMinimum: z.number().optional(),
  maximum: z.number().optional(),
});

export function configurationSections(): Section[] {
  return ENVIRONMENT_SECTIONS.map((section) => {
    const { title = '', description, properties = {} } = z.toJSONSchema(section, { io: 'input' });
    const variables = Object.entries(properties).map(([name, property]) => toVariable(name, property));
    return { title, ...(description === undefined ? {} : { description }), variables };
  });
}

function toVariable(name: string, property: unknown): Variable {
  const known = jsonSchema.safeParse(property);
  if (!known.success) throw new Error(`${name} in src/config/environment.ts needs a description: add .describe('...')`);
  const { description: meaning, default: fallback } = known.data;
  const variable = name as keyof Environment;
  const notes = ENVIRONMENT_RULES.flatMap((rule) => rule.notes[variable] ?? []);
  if (SECRETS.includes(variable)) notes.push(`Or ${fileOf(variable)}: the path of a file that holds it.`);
  return { name, meaning, takes: takesOf(name, known.data), ...(fallback === undefined ? {} : { fallback }), notes };
}

function takesOf(name: string, schema: z.infer<typeof jsonSchema>): string {
  const { takes, type, minimum, exclusiveMinimum, maximum } = schema;
  if (takes !== undefined) return takes;
  if (schema.enum) return `one of ${schema.enum.map((value) => `\`${value}\``).join(', ')}`;
  if (maximum === undefined)
    throw new Error(`${name} in src/config/environment.ts must say what it takes: add .meta({ takes: '...' })`);
  const number = type === 'integer' ? 'a whole number' : 'a number';
  return exclusiveMinimum === undefined
    ? `${number} from ${minimum} to ${maximum}`
    : `${number} above ${exclusiveMinimum}, at most ${maximum}`;
}
