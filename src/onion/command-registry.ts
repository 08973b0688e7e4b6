import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { type CommandResult, type OnionCommandMetadata, OnionCommandMetadataKey } from './onion-command.decorator.js';

export interface RegisteredCommand {
  readonly schema: OnionCommandMetadata['schema'];
  readonly run: (args: unknown) => CommandResult | Promise<CommandResult>;
}

/** The owner is `Class.method`, for the developer who gave one name to two of them. */
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
    // One instance can be known under several tokens; its methods are still one command each.
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

  find(name: string): RegisteredCommand | undefined {
    return this.commands.get(name);
  }

  private add({ name, ...command }: OwnedCommand & { readonly name: string }): void {
    const other = this.commands.get(name);
    if (other) throw new Error(`The onion command "${name}" has two methods: ${other.owner} and ${command.owner}`);
    this.commands.set(name, command);
  }
}
