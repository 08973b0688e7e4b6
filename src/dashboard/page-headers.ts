import { type CustomDecorator } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { type FastifyInstance, type onRequestHookHandler } from 'fastify';

declare module 'fastify' {
  interface FastifyContextConfig {
    isForBrowsers?: boolean;
  }
}

/** Everything comes from this server, nothing is written into the page itself, and nobody may frame it. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

const HEADERS = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'cache-control': 'no-store',
};

/** At a method of a controller: its answer is a page of the operator's, or what such a page loads. */
export const ForBrowsers = (): CustomDecorator => RouteConfig({ isForBrowsers: true });

/**
 * What a browser may do with the operator's pages; refusals carry it too. Before the application adds its routes, and behind the
 * guard of the doors: where there is no page, nothing is to tell that there is one elsewhere.
 *
 * A hook of those routes and not a middleware of Nest, which on Fastify is looked for with every request and so with every onion request.
 */
export function guardPagesOf(fastify: FastifyInstance): void {
  fastify.addHook('onRoute', (route) => {
    if (!route.config?.isForBrowsers) return;
    const tellBrowsers: onRequestHookHandler = (_request, reply, done) => {
      void reply.headers(HEADERS);
      done();
    };
    route.onRequest = [route.onRequest ?? [], tellBrowsers].flat();
  });
}
