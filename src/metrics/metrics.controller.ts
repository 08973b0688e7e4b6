import { Controller, Get, Header, UseGuards } from '@nestjs/common';
import { AggregatorRegistry, type MetricObjectWithValues, type MetricValue, Registry } from 'prom-client';
import { BasicAuthGuard } from '../operator/basic-auth.guard.js';
import { InstanceProcesses } from '../cluster/instance-processes.js';
import { MetricsService } from './metrics.service.js';

const TOPIC = 'metrics';

type JsonMetrics = MetricObjectWithValues<MetricValue<string>>[];

@Controller()
@UseGuards(BasicAuthGuard)
export class MetricsController {
  constructor(
    { registry }: MetricsService,
    private readonly processes: InstanceProcesses,
  ) {
    processes.answer(TOPIC, () => registry.getMetricsAsJSON());
  }

  /** Prometheus' text format; of all processes of the instance, for the next request may meet another one. */
  @Get('metrics')
  @Header('content-type', Registry.PROMETHEUS_CONTENT_TYPE)
  async read(): Promise<string> {
    return AggregatorRegistry.aggregate(await this.processes.ask<JsonMetrics>(TOPIC)).metrics();
  }
}
