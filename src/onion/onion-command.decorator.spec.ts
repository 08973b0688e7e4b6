import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { LegacyCommand, type LegacyResult, SUCCESS } from './legacy-command.decorator.js';
import { OnionCommand, OnionCommandMetadataKey, TRY_AGAIN, type TryAgain } from './onion-command.decorator.js';

const refuse = () => ({ status: 200, body: { error: 1 } }) as const;
const schema = z.object({ name: z.string(), age: z.string().transform(Number) });
const command = OnionCommand({ name: 'greet', versions: ['v4'], schema, refuse });
const strict = OnionCommand({
  name: 'greet',
  versions: ['v4'],
  schema,
  refuse: () => ({ status: 400, body: 'no' }),
  succeeded: (reply: string) => reply !== 'no',
});
const legacy = LegacyCommand('greet', schema);

/** The compiler is the test: an `@ts-expect-error` above a line that compiles is an error. */
class Fitting {
  @command
  takesWhatTheSchemaMakes({ name, age }: { name: string; age: number }): string {
    return name.repeat(age);
  }

  @command
  takesLess({ name }: { name: string }): Promise<{ greeting: string; more?: string }> {
    return Promise.resolve({ greeting: name });
  }

  @command
  takesNothing(): (string | null)[] | TryAgain {
    return Math.random() < 2 ? TRY_AGAIN : [];
  }

  @strict
  answersAsTheMetricsExpect(): string {
    return 'yes';
  }

  @legacy
  async answersWithACode(): Promise<LegacyResult> {
    return Promise.resolve(SUCCESS);
  }
}

class NotFitting {
  // @ts-expect-error -- the schema makes a number of the age
  @command
  takesAnotherType({ age }: { age: string }): string {
    return age;
  }

  // @ts-expect-error -- the schema knows no city
  @command
  takesMore({ city }: { name: string; city: string }): string {
    return city;
  }

  // @ts-expect-error -- there is one argument
  @command
  takesTwo(_args: { name: string }, more: string): string {
    return more;
  }

  // @ts-expect-error -- a date is no JSON
  @command
  answersNoJson(): Date {
    return new Date(0);
  }

  // @ts-expect-error -- nothing is no answer
  @command
  answersNothing(): void {}

  // @ts-expect-error -- `succeeded` takes strings
  @strict
  answersAnotherType(): number {
    return 1;
  }

  // @ts-expect-error -- a legacy command answers with code and message
  @legacy
  answersInItsOwnForm(): string {
    return 'yes';
  }

  // @ts-expect-error -- the schema makes a number of the age
  @legacy
  takesAnotherTypeToo({ age }: { age: string }): LegacyResult {
    return { code: 1, message: age };
  }
}

function metadataOf<Of extends object>(prototype: Of, method: keyof Of): unknown {
  return Reflect.getMetadata(OnionCommandMetadataKey.KEY, prototype[method] as object);
}

describe('the metadata of a decorated method', () => {
  it('has what was given, and the defaults', () => {
    expect(metadataOf(Fitting.prototype, 'takesLess')).toMatchObject({
      name: 'greet',
      versions: ['v4'],
      schema,
      refuse,
      takes: 'object',
      later: { status: 503 },
    });
  });

  it('is that of both versions for a legacy command', () => {
    const later = { status: 500, body: { code: 0 } };
    expect(metadataOf(Fitting.prototype, 'answersWithACode')).toMatchObject({ versions: ['v2', 'v4'], schema, later });
  });

  it('does not depend on the types, which only the compiler sees', () => {
    expect(metadataOf(NotFitting.prototype, 'takesTwo')).toEqual(metadataOf(Fitting.prototype, 'takesLess'));
  });
});
