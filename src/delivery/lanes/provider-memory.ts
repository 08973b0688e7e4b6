import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { describeError } from '../../common/words/describe-error.js';
import { Duties } from '../../config/duties.js';
import { DatabaseWriter } from '../../database/database-writer.js';
import { upsert } from '../../database/dialect.js';
import { type Provider } from '../../providers/push-transport.js';
import { ProviderLanes } from './provider-lanes.js';
import { type SenderState } from './provider-sender.js';
import { ProviderState } from './provider-state.entity.js';

const SAVE_INTERVAL_MS = 1000;

/** What two readings of the same moment on two clocks may differ by. */
const ABOUT_MS = 1000;

/** Saves the health of the providers, because a restart of ours does not end an outage of theirs. */
@Injectable()
export class ProviderMemory implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(ProviderMemory.name);
  private readonly saved = new Map<Provider, SenderState>();

  constructor(
    @InjectRepository(ProviderState) private readonly states: Repository<ProviderState>,
    private readonly writer: DatabaseWriter,
    private readonly lanes: ProviderLanes,
    private readonly duties: Duties,
  ) {}

  async onModuleInit(): Promise<void> {
    if (!this.duties.delivers) return;
    for (const { provider, hasDelivered, cause, reason, since, openUntil } of await this.states.find()) {
      const trouble = cause === null ? null : { cause, reason: reason ?? '', since: since ?? Date.now() };
      const state = { hasDelivered, trouble, openUntil };
      this.lanes.get(provider)?.sender.restore(state);
      this.saved.set(provider, state);
    }
  }

  @Interval(SAVE_INTERVAL_MS)
  async save(): Promise<void> {
    for (const { sender } of this.lanes.all()) {
      const state = sender.state();
      if (state === null || isAbout(state, this.saved.get(sender.provider))) continue;
      try {
        await this.write(sender.provider, state);
        this.saved.set(sender.provider, state);
      } catch (error) {
        this.logger.warn({ msg: 'the state of a provider was not noted', error: describeError(error) });
      }
    }
  }

  onApplicationShutdown(): Promise<void> {
    return this.save();
  }

  private async write(provider: Provider, { hasDelivered, trouble, openUntil }: SenderState): Promise<void> {
    await this.writer.write((manager) =>
      upsert(manager, 'provider_states', {
        provider,
        has_delivered: hasDelivered ? 1 : 0,
        cause: trouble?.cause ?? null,
        reason: trouble?.reason ?? null,
        since: trouble?.since ?? null,
        open_until: openUntil,
      }),
    );
  }
}

function isAbout(state: SenderState, saved: SenderState | undefined): boolean {
  if (!saved) return false;
  return (
    state.hasDelivered === saved.hasDelivered &&
    state.trouble?.cause === saved.trouble?.cause &&
    state.trouble?.reason === saved.trouble?.reason &&
    (state.openUntil === null) === (saved.openUntil === null) &&
    Math.abs((state.openUntil ?? 0) - (saved.openUntil ?? 0)) < ABOUT_MS
  );
}
