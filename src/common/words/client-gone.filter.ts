import { type ArgumentsHost, Catch } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { type FastifyReply, type FastifyRequest } from 'fastify';

/**
 * Ends a request whose client went away in the middle of it: that is no error of ours, and without this filter strangers
 * could fill the log.
 */
@Catch()
export class ClientGoneFilter extends BaseExceptionFilter {
  override catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    if (http.getRequest<FastifyRequest>().raw.readableAborted) void http.getResponse<FastifyReply>().hijack();
    // oxlint-disable-next-line promise/valid-params, promise/no-promise-in-callback -- a filter's catch is not a promise's
    else super.catch(error, host);
  }
}
