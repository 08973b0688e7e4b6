import { DiscoveryService } from '@nestjs/core';
import { type output, type ZodType } from 'zod';
import { type JsonValue } from '../encoding/json.js';
import { type OnionVersion } from './protocol/onion-client.js';

/** Why a command's method was not asked: its request cannot be what the command takes. */
export type RequestProblem =
  | { readonly kind: 'body-missing' | 'not-json' }
  /** JSON, but not the object (or array of objects, where the command takes one) that it has to be. */
  | { readonly kind: 'wrong-form' }
  /** The message of the schema's first issue; a fixed text, because it goes to the client. */
  | { readonly kind: 'arguments'; readonly message: string };

/** A method returns this when the command cannot be done now but may be later: the client gets {@link CommandOptions.later}. */
export const TRY_AGAIN: unique symbol = Symbol('try again');
export type TryAgain = typeof TRY_AGAIN;

interface InnerReply<Status extends number, Reply> {
  readonly status: Status;
  readonly body: Reply;
}

/** @typeParam Reply what the method answers; inferred from `succeeded` or `encode`, any JSON value without them */
export interface CommandOptions<Schema extends ZodType, Reply extends JsonValue> {
  /** The inner endpoint without its slash: `subscribe` serves `/subscribe`. */
  readonly name: string;
  /** The versions of the onion request that reach this command; in the others it is unknown. */
  readonly versions: readonly OnionVersion[];
  /** Default: `object`. An array is one whose elements are all objects. */
  readonly takes?: 'object' | 'object-or-array';
  /** What the method gets is what this makes of the body. */
  readonly schema: Schema;
  /** Words the answer to a request that the method never sees. */
  readonly refuse: (problem: RequestProblem) => InnerReply<200 | 400, NoInfer<Reply>>;
  /**
   * The answer when the method fails, is late or returns {@link TRY_AGAIN}; whether anything was done is not known, except
   * after TRY_AGAIN. Default: 503 and a `message`. Apps that know 503 ask again; to them any 2xx means "done".
   */
  readonly later?: InnerReply<500 | 503, NoInfer<Reply>>;
  /** Whether a reply counts as `done` in the metrics, or as `declined`. Default: always. */
  succeeded?(reply: Reply): boolean;
  /** A reply's JSON text, where spaces matter. Default: `JSON.stringify`. */
  encode?(reply: Reply): string;
}

/** The options with their defaults. A command's replies are given to its own options only, so their type may be forgotten. */
export type OnionCommandMetadata = Required<CommandOptions<ZodType, JsonValue>>;

const DEFAULTS = {
  takes: 'object',
  later: { status: 503, body: { message: 'The server could not do this now, try again later' } },
  succeeded: () => true,
  encode: (reply) => JSON.stringify(reply),
} as const satisfies Partial<OnionCommandMetadata>;

/** Metadata key and typed decorator in one; the registry reads it back through the discovery service. */
export const OnionCommandMetadataKey = DiscoveryService.createDecorator<OnionCommandMetadata>();

/** Fits a method that takes these arguments and answers this, at once or later, and does not compile on any other. */
export type CommandDecorator<Args, Reply> = <
  Method extends (args: Args) => Reply | TryAgain | Promise<Reply | TryAgain>,
>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<Method>,
) => void;

/**
 * Makes a provider's method the handler of an onion request endpoint.
 *
 * The method gets the request's JSON body after `schema` accepted it; what the schema refuses never reaches it. What it
 * returns travels sealed to the client with the inner status 200.
 */
export const OnionCommand = <Schema extends ZodType, Reply extends JsonValue>(
  options: CommandOptions<Schema, Reply>,
): CommandDecorator<output<Schema>, Reply> => OnionCommandMetadataKey({ ...DEFAULTS, ...options });
