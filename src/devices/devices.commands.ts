import { Injectable } from '@nestjs/common';
import { DatabaseWriter } from '../database/database-writer.js';
import { LegacyCommand, type LegacyResult, SUCCESS } from '../onion/legacy-command.decorator.js';
import { Sealing } from '../sealing/sealing.js';
import { DevicesService } from './devices.service.js';
import { type Registration, registerSchema, type Unregister, unregisterSchema } from './dto/device-commands.dto.js';
import { sealRegistration } from './seal-registration.js';

@Injectable()
export class DevicesCommands {
  constructor(
    private readonly devices: DevicesService,
    private readonly writer: DatabaseWriter,
    private readonly sealing: Sealing,
  ) {}

  @LegacyCommand('register', registerSchema)
  async register(registration: Registration): Promise<LegacyResult> {
    const sealed = sealRegistration(this.sealing, registration);
    await this.writer.writeGrowth((manager) => this.devices.save(manager, sealed, false));
    return SUCCESS;
  }

  @LegacyCommand('unregister', unregisterSchema)
  async unregister({ token, iosToken }: Unregister): Promise<LegacyResult> {
    const removed = await this.devices.remove(
      this.sealing.token(token),
      iosToken === null ? null : this.sealing.token(iosToken),
    );
    return removed ? SUCCESS : { code: 0, message: 'Session id was not registered before.' };
  }
}
