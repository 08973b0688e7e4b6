import { Injectable, type NestMiddleware } from '@nestjs/common';
import { type IncomingMessage, type ServerResponse } from 'node:http';
import { OperatorListener } from '../operator/operator-listener.js';

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

const HEADERS = new Map(
  Object.entries({
    'content-security-policy': CONTENT_SECURITY_POLICY,
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'camera=(), geolocation=(), microphone=()',
    'cache-control': 'no-store',
  }),
);

/** What a browser may do with the operator's pages. Refusals carry it too. */
@Injectable()
export class PageHeaders implements NestMiddleware<IncomingMessage, ServerResponse> {
  constructor(private readonly listener: OperatorListener) {}

  use(request: IncomingMessage, response: ServerResponse, next: () => void): void {
    // Where there is no page, nothing is to tell that there is one elsewhere.
    if (this.listener.doorOf({ raw: request }) !== 'public') response.setHeaders(HEADERS);
    next();
  }
}
