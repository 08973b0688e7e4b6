import { Global, Module } from '@nestjs/common';
import { TrustedClock } from './trusted-clock.js';

/** Gives everybody the one clock that times in the database and of messages are compared with. */
@Global()
@Module({ providers: [TrustedClock], exports: [TrustedClock] })
export class ClockModule {}
