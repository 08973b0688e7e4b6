import {
  type CanActivate,
  type ExecutionContext,
  HttpException,
  HttpStatus,
  Injectable,
  NotFoundException,
  UnauthorizedException,
} from '@nestjs/common';
import { type FastifyReply, type FastifyRequest } from 'fastify';
import { OperatorAccess } from './operator-access.js';

/** Lets the operator in. Without configured credentials there is nothing here: 404. */
@Injectable()
export class BasicAuthGuard implements CanActivate {
  constructor(private readonly access: OperatorAccess) {}

  canActivate(context: ExecutionContext): boolean {
    if (!this.access.isConfigured) throw new NotFoundException();
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    switch (this.access.callerOf(request)) {
      case 'operator':
        return true;
      case 'stranger':
      case 'wrong':
        void reply.header('WWW-Authenticate', 'Basic realm="Authentication Required"');
        throw new UnauthorizedException('Unauthorized Access');
      case 'limited':
        void reply.header('Retry-After', this.access.pauseSecondsFor(request));
        throw new HttpException('Too many wrong passwords', HttpStatus.TOO_MANY_REQUESTS);
    }
  }
}
