import { Controller, Get, Header, UseGuards } from '@nestjs/common';
import { ownVersion } from '../common/start/own-version.js';
import { BasicAuthGuard } from '../operator/basic-auth.guard.js';
import { Doors } from '../operator/doors.js';
import { type TerseHealth } from './health.controller.js';

const WHAT_THIS_IS = `This is a push notification server for Session, a private messenger.
Apps talk to it through onion requests; there is nothing to see here.
Operators find /statistics and /docs at the address of their own.
`;

/** The addresses that people and supervisors try before they read the manual. */
@Controller()
export class AboutController {
  @Doors('public', 'operator')
  @Get()
  @Header('content-type', 'text/plain; charset=utf-8')
  about(): string {
    return WHAT_THIS_IS;
  }

  /** `/health/live` under the name that Kubernetes uses. */
  @Doors('public', 'operator')
  @Get('healthz')
  healthz(): TerseHealth {
    return { status: 'ok' };
  }

  /** For the operator alone: a version tells strangers which vulnerabilities a server still has. */
  @UseGuards(BasicAuthGuard)
  @Get('version')
  version(): { version: string; node: string } {
    return { version: ownVersion(), node: process.versions.node };
  }
}
