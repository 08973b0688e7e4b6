import { type output, type ZodType } from 'zod';
import { type CommandDecorator, OnionCommand, type RequestProblem } from './onion-command.decorator.js';
import { resultJson } from './protocol/envelope.js';
import { contentRefusalMessage } from './protocol/refusals.js';

/** What a command of the legacy API answers: `code` 1 = done, 0 = not done and `message` says why. */
export type LegacyResult = { readonly code: 0 | 1; readonly message: string };

export const SUCCESS: LegacyResult = Object.freeze({ code: 1, message: 'Success' });

const FAILED: LegacyResult = Object.freeze({
  code: 0,
  message: 'The server could not do this now, try again later',
});

/**
 * Makes a provider's method the handler of a command of the legacy API, in both versions of the onion request.
 *
 * The body is an object; every answer is {@link LegacyResult}, with the inner status 400 for what `schema` refuses (its
 * first message goes to the client) and 500 for what could not be done. Byte for byte: docs/protocol.md §3.3 and §4.
 */
export const LegacyCommand = <Schema extends ZodType>(
  name: string,
  schema: Schema,
): CommandDecorator<output<Schema>, LegacyResult> =>
  OnionCommand({
    name,
    versions: ['v2', 'v4'],
    schema,
    refuse: (problem) => ({ status: 400, body: { code: 0, message: messageOf(problem) } }),
    later: { status: 500, body: FAILED },
    succeeded: ({ code }: LegacyResult) => code === 1,
    encode: ({ code, message }: LegacyResult) => resultJson(code, message),
  });

function messageOf(problem: RequestProblem): string {
  return problem.kind === 'arguments' ? problem.message : contentRefusalMessage('body');
}
