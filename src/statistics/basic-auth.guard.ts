import {
  type CanActivate,
  type ExecutionContext,
  Inject,
  Injectable,
  NotFoundException,
  UnauthorizedException,
} from '@nestjs/common';
import { type FastifyReply, type FastifyRequest } from 'fastify';
import { createHash, timingSafeEqual } from 'node:crypto';
import { type AppConfig } from '../config/app-config.js';
import { APP_CONFIG } from '../config/config.module.js';

/** Lets the operator in. Without configured credentials there is nothing here: 404. */
@Injectable()
export class BasicAuthGuard implements CanActivate {
  private readonly expected: Buffer | null;

  constructor(@Inject(APP_CONFIG) config: AppConfig) {
    const { credentials } = config.statistics;
    this.expected = credentials && digest(`${credentials.username}:${credentials.password}`);
  }

  canActivate(context: ExecutionContext): boolean {
    if (!this.expected) throw new NotFoundException();
    const http = context.switchToHttp();
    const [scheme, value] = (http.getRequest<FastifyRequest>().headers.authorization ?? '').split(' ', 2);
    const given = scheme?.toLowerCase() === 'basic' ? Buffer.from(value ?? '', 'base64').toString('utf8') : '';
    // Digests have one length, so the comparison takes the same time whatever was given.
    if (timingSafeEqual(digest(given), this.expected)) return true;
    void http.getResponse<FastifyReply>().header('WWW-Authenticate', 'Basic realm="Authentication Required"');
    throw new UnauthorizedException('Unauthorized Access');
  }
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
