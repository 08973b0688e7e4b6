import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { type OnionCommandMetadata, OnionCommandMetadataKey, type TryAgain } from './onion-command.decorator.js';
import { type JsonValue } from '../encoding/json.js';
import { type OnionVersion } from './protocol/onion-client.js';

export interface RegisteredCommand extends OnionCommandMetadata {
  /** @param args what the command's schema made of a body */
  readonly run: (args: unknown) => JsonValue | TryAgain | Promise<JsonValue | TryAgain>;
}

/** `owner` is `Class.method`, for the error when two commands have one name. */
type OwnedCommand = RegisteredCommand & { readonly owner: string };

/** The commands of all features: every provider method that carries `@OnionCommand`, by name. */
@Injectable()
export class CommandRegistry implements OnModuleInit {
  private readonly commands = new Map<string, OwnedCommand>();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
  ) {}

  onModuleInit(): void {
    // One instance can be provided under several tokens; each of its methods is one command all the same.
    const seen = new Set<object>();
    for (const wrapper of this.discovery.getProviders()) {
      const instance: unknown = wrapper.instance;
      if (typeof instance !== 'object' || instance === null || seen.has(instance)) continue;
      seen.add(instance);
      for (const method of this.scanner.getAllMethodNames(Object.getPrototypeOf(instance))) {
        const handler: unknown = Reflect.get(instance, method);
        if (typeof handler !== 'function') continue;
        const command = this.discovery.getMetadataByDecorator(OnionCommandMetadataKey, wrapper, method);
        if (command)
          this.add({ ...command, owner: `${instance.constructor.name}.${method}`, run: handler.bind(instance) });
      }
    }
  }

  /** Undefined too when the command is not for this version. */
  find(name: string, version: OnionVersion): RegisteredCommand | undefined {
    const command = this.commands.get(name);
    return command?.versions.includes(version) ? command : undefined;
  }

  private add(command: OwnedCommand): void {
    const { name, owner } = command;
    const other = this.commands.get(name);
    if (other) throw new Error(`The onion command "${name}" has two methods: ${other.owner} and ${owner}`);
    this.commands.set(name, command);
  }
}
