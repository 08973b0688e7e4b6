import { Injectable } from '@nestjs/common';
import { DatabaseWriter } from '../database/database-writer.js';
import { type CommandResult, OnionCommand, SUCCESS } from '../onion/onion-command.decorator.js';
import { Sealing } from '../sealing/sealing.js';
import { DevicesService } from './devices.service.js';
import { type Registration, registerSchema, type Unregister, unregisterSchema } from './dto/device-commands.dto.js';
import { sealRegistration } from './seal-registration.js';

export const TOO_MANY_DEVICES: CommandResult = { code: 0, message: 'Too many devices for this pubKey.' };

@Injectable()
export class DevicesCommands {
  constructor(
    private readonly devices: DevicesService,
    private readonly writer: DatabaseWriter,
    private readonly sealing: Sealing,
  ) {}

  @OnionCommand('register', registerSchema)
  async register(registration: Registration): Promise<CommandResult> {
    const sealed = sealRegistration(this.sealing, registration);
    const saved = await this.writer.write((manager) => this.devices.save(manager, sealed, false));
    return saved ? SUCCESS : TOO_MANY_DEVICES;
  }

  @OnionCommand('unregister', unregisterSchema)
  async unregister({ token }: Unregister): Promise<CommandResult> {
    const removed = await this.devices.remove(this.sealing.token(token));
    return removed ? SUCCESS : { code: 0, message: 'Session id was not registered before.' };
  }
}
