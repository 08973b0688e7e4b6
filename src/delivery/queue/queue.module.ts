import { type DynamicModule, Module } from '@nestjs/common';
import { type AppConfig } from '../../config/app-config.js';
import { TableQueueModule } from './table-queue.module.js';

/** The one queue, for the features that add notifications and for delivery. */
@Module({})
export class QueueModule {
  /** What only several instances need is not even loaded for one. */
  static async forRoot({ redisUrl }: AppConfig): Promise<DynamicModule> {
    const engine =
      redisUrl === null ? TableQueueModule : (await import('./redis/bullmq-queue.module.js')).BullmqQueueModule;
    return { module: QueueModule, global: true, imports: [engine], exports: [engine] };
  }
}
