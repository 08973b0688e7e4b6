import { Global, Module } from '@nestjs/common';
import { InstanceProcesses } from '../cluster/instance-processes.js';
import { OperatorAccess } from './operator-access.js';
import { OperatorEvents } from './operator-events.js';
import { OperatorListener } from './operator-listener.js';

/** What every feature needs to talk to the operator: who that is, and how to be heard. */
@Global()
@Module({
  providers: [OperatorAccess, OperatorEvents, OperatorListener, InstanceProcesses],
  exports: [OperatorAccess, OperatorEvents, OperatorListener, InstanceProcesses],
})
export class OperatorModule {}
