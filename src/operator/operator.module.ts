import { Global, Module } from '@nestjs/common';
import { OperatorAccess } from './operator-access.js';
import { OperatorEvents } from './operator-events.js';
import { Siblings } from './siblings.js';

/** What every feature needs to talk to the operator: who that is, and how to be heard. */
@Global()
@Module({
  providers: [OperatorAccess, OperatorEvents, Siblings],
  exports: [OperatorAccess, OperatorEvents, Siblings],
})
export class OperatorModule {}
