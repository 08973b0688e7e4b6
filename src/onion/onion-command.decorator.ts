import { DiscoveryService } from '@nestjs/core';
import { type ZodType } from 'zod';

/** What a command answers: `code` 1 = done, 0 = not done and `message` says why. Travels sealed to the client as it is. */
export interface CommandResult {
  code: 0 | 1;
  message: string;
}

export const SUCCESS: CommandResult = Object.freeze({ code: 1, message: 'Success' });

export interface OnionCommandMetadata {
  name: string;
  schema: ZodType;
}

/** Metadata key and typed decorator in one; the registry reads it back through the discovery service. */
export const OnionCommandMetadataKey = DiscoveryService.createDecorator<OnionCommandMetadata>();

/**
 * Makes a provider's method the handler of the onion request endpoint `name`.
 *
 * The method gets the request's JSON arguments after `schema` accepted them; arguments that the schema refuses never
 * reach it. The message of the schema's first issue goes to the client, so it must be a fixed text.
 */
export const OnionCommand = (name: string, schema: ZodType): MethodDecorator =>
  OnionCommandMetadataKey({ name, schema });
