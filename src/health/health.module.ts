import { type DynamicModule, Module } from '@nestjs/common';
import { HealthController } from './health.controller.js';
import { HealthService } from './health.service.js';

/** Tells whether the server lives, and whether it can do its work. */
@Module({})
export class HealthModule {
  /** @param notifications the module that delivers, as it is configured */
  static forRoot(notifications: DynamicModule): DynamicModule {
    return {
      module: HealthModule,
      imports: [notifications],
      controllers: [HealthController],
      providers: [HealthService],
      exports: [HealthService],
    };
  }
}
