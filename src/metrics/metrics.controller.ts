import { Controller, Get, Header, UseGuards } from '@nestjs/common';
import { Registry } from 'prom-client';
import { BasicAuthGuard } from '../operator/basic-auth.guard.js';
import { MetricsService } from './metrics.service.js';

@Controller()
@UseGuards(BasicAuthGuard)
export class MetricsController {
  constructor(private readonly metrics: MetricsService) {}

  /** Prometheus' text format. */
  @Get('metrics')
  @Header('content-type', Registry.PROMETHEUS_CONTENT_TYPE)
  @Header('cache-control', 'no-store')
  read(): Promise<string> {
    return this.metrics.registry.metrics();
  }
}
