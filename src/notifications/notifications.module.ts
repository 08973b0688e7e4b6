import { Global, Module } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { ClosedGroupsModule } from '../closed-groups/closed-groups.module.js';
import { AppConfig } from '../config/app-config.js';
import { DeliveryModule } from '../delivery/delivery.module.js';
import { RecipientResolver } from '../delivery/recipient-resolver.js';
import { DevicesModule } from '../devices/devices.module.js';
import { DuplicateFilter } from './duplicate-filter.js';
import { NotificationsCommands } from './notifications.commands.js';
import { RegisteredRecipients } from './registered-recipients.js';
import { RegisteredTokens } from './registered-tokens.js';

/** `notify`, and what delivery asks about it. Global, because delivery knows the port and not its implementation. */
@Global()
@Module({
  imports: [DevicesModule, ClosedGroupsModule, DeliveryModule],
  providers: [
    {
      provide: DuplicateFilter,
      inject: [AppConfig, ModuleRef],
      useFactory: async ({ redisUrl }: AppConfig, modules: ModuleRef): Promise<DuplicateFilter> =>
        modules.create(
          redisUrl === null
            ? DuplicateFilter
            : (await import('./redis/shared-duplicate-filter.js')).SharedDuplicateFilter,
        ),
    },
    { provide: RecipientResolver, useClass: RegisteredRecipients },
    RegisteredTokens,
    NotificationsCommands,
  ],
  exports: [RecipientResolver],
})
export class NotificationsModule {}
