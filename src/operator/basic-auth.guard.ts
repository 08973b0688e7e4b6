import {
  type CanActivate,
  type ExecutionContext,
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
    if (this.access.allows(http.getRequest<FastifyRequest>().headers.authorization)) return true;
    void http.getResponse<FastifyReply>().header('WWW-Authenticate', 'Basic realm="Authentication Required"');
    throw new UnauthorizedException('Unauthorized Access');
  }
}
