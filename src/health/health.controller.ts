import { Controller, Get, HttpStatus, Req, Res } from '@nestjs/common';
import { type FastifyReply, type FastifyRequest } from 'fastify';
import { Doors } from '../operator/doors.js';
import { OperatorAccess } from '../operator/operator-access.js';
import { OperatorListener } from '../operator/operator-listener.js';
import { type HealthReport, HealthService } from './health.service.js';

export interface TerseHealth {
  status: 'ok' | 'error';
}

/**
 * For load balancers, supervisors and the operator. A controller of our own and not @nestjs/terminus, which has no
 * word for "degraded, but takes requests" and tells everybody everything.
 */
@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthService,
    private readonly access: OperatorAccess,
    private readonly listener: OperatorListener,
  ) {}

  /** That it answers is all it says. */
  @Doors('public', 'operator')
  @Get('live')
  live(): TerseHealth {
    return { status: 'ok' };
  }

  /**
   * 503 when the server cannot accept or deliver. Strangers get that alone, and so does everybody on the public port when
   * there is another one; the operator gets the whole report.
   */
  @Doors('public', 'operator')
  @Get('ready')
  async ready(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TerseHealth | HealthReport> {
    const report = await this.health.report();
    const status = report.status === 'error' ? 'error' : 'ok';
    void reply.code(status === 'ok' ? HttpStatus.OK : HttpStatus.SERVICE_UNAVAILABLE);
    const mayAsk = this.listener.doorOf(request) !== 'public';
    return mayAsk && this.access.callerOf(request) === 'operator' ? report : { status };
  }
}
