import { describe, expect, it } from 'vitest';
import { openApiDocument } from './openapi-document.js';
import { ANSWERS } from './schemas.js';

interface Content {
  readonly schema: object;
  readonly example?: unknown;
}
interface Operation {
  readonly responses: Record<string, { content: Record<string, Content> }>;
}

/** Of an endpoint, or of what it refers to with `anyOf`. */
const namesIn = (schema: object): (keyof typeof ANSWERS)[] =>
  [...JSON.stringify(schema).matchAll(/#\/components\/schemas\/(\w+)/g)].map(
    ([, name]) => name as keyof typeof ANSWERS,
  );

const contents = Object.entries(openApiDocument().paths).flatMap(([path, operations]) =>
  Object.values<Operation>(operations).flatMap(({ responses }) =>
    Object.entries(responses).flatMap(([code, { content }]) =>
      Object.values(content).map(({ schema, example }) => ({
        answer: `${path} ${code}`,
        names: namesIn(schema),
        example,
      })),
    ),
  ),
);

describe('the description of the endpoints', () => {
  const shown = contents.filter(({ example }) => example !== undefined);

  it.each(shown)('has an example of $answer that is one', ({ names, example }) => {
    expect(names.filter((name) => ANSWERS[name].safeParse(example).success)).toHaveLength(1);
  });

  it('has an example of every answer of 200 that is JSON', () => {
    const bare = contents.filter(
      ({ answer, names, example }) => answer.endsWith(' 200') && names.length > 0 && !example,
    );
    expect(bare).toEqual([]);
    expect(new Set(shown.flatMap(({ names }) => names))).toEqual(new Set(Object.keys(ANSWERS)));
  });
});
