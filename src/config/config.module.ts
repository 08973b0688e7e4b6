import { type DynamicModule, Module } from '@nestjs/common';
import { type AppConfig } from './app-config.js';
import { DUTIES, dutiesOf } from './duties.js';

/** Injection token of the {@link AppConfig}. */
export const APP_CONFIG = Symbol('APP_CONFIG');

/** Gives the one configuration to everybody; nobody else reads the environment. */
@Module({})
export class ConfigModule {
  static forRoot(config: AppConfig, duties = dutiesOf(config)): DynamicModule {
    return {
      module: ConfigModule,
      global: true,
      providers: [
        { provide: APP_CONFIG, useValue: config },
        { provide: DUTIES, useValue: duties },
      ],
      exports: [APP_CONFIG, DUTIES],
    };
  }
}
