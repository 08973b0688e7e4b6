import { type CustomDecorator } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';

/** The listener that a request came in by: the public one, or the operator's own. Without an own one both are the public one. */
export type Door = 'public' | 'operator';

declare module 'fastify' {
  interface FastifyContextConfig {
    doors?: readonly Door[];
  }
}

/** At a method of a controller: which doors lead to it. A method without it is the operator's. */
export const Doors = (...doors: readonly Door[]): CustomDecorator => RouteConfig({ doors });

export const DOORS_OF_A_ROUTE: readonly Door[] = ['operator'];
