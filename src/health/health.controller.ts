import { Controller, Get, Header, Headers, HttpStatus, Res } from '@nestjs/common';
import { type FastifyReply } from 'fastify';
import { OperatorAccess } from '../operator/operator-access.js';
import { type HealthReport, HealthService } from './health.service.js';

interface TerseHealth {
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
  ) {}

  /** That it answers is all it says. */
  @Get('live')
  @Header('cache-control', 'no-store')
  live(): TerseHealth {
    return { status: 'ok' };
  }

  /** 503 when the server cannot accept or deliver. Strangers get that alone; the operator gets the whole report. */
  @Get('ready')
  @Header('cache-control', 'no-store')
  async ready(
    @Headers('authorization') authorization: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TerseHealth | HealthReport> {
    const report = await this.health.report();
    const status = report.status === 'error' ? 'error' : 'ok';
    void reply.code(status === 'ok' ? HttpStatus.OK : HttpStatus.SERVICE_UNAVAILABLE);
    return this.access.allows(authorization) ? report : { status };
  }
}
