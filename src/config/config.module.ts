import { type DynamicModule, Module } from '@nestjs/common';
import { AppConfig } from './app-config.js';
import { Duties, dutiesOf } from './duties.js';

/** Provides the configuration. No other class reads the environment. */
@Module({})
export class ConfigModule {
  static forRoot(config: AppConfig, duties = dutiesOf(config)): DynamicModule {
    return {
      module: ConfigModule,
      global: true,
      providers: [
        { provide: AppConfig, useValue: config },
        { provide: Duties, useValue: duties },
      ],
      exports: [AppConfig, Duties],
    };
  }
}
