import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { describeError } from '../common/words/describe-error.js';
import { type Count, LabelledCounter } from './labelled-counter.js';
import { ReasonLabels } from './reason-labels.js';

export type OnionVersion = 'v2' | 'v4';
/** `refused` could not be opened and was answered with HTTP 400; `unusable` was answered sealed. */
export type OnionResult = 'refused' | 'unusable';
/**
 * `declined` is an answer that says no, `invalid` an argument that the schema refuses, `postponed` an answer to try again
 * later, `failed` our own fault.
 */
export type CommandOutcome = 'done' | 'declined' | 'invalid' | 'postponed' | 'failed';
/** Who commits in groups. */
export type GroupKind = 'transactions' | 'queue-additions' | 'queue-settlements';

/** How the values of several processes become one. */
export type Combine = 'sum' | 'max' | 'min';

export interface CounterOptions {
  name: string;
  help: string;
  labelNames: string[];
}

export interface GaugeOptions extends CounterOptions {
  combine: Combine;
}

/** A value that is read when metrics are. */
export interface GaugeSample {
  labels: Readonly<Record<string, string>>;
  value: number;
}

const DELIVERY_BUCKETS_S = [0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800, 7200, 43_200];
const REQUEST_BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const GROUP_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/**
 * What the operator's monitoring can see, in Prometheus' terms: traffic and states, never people. A label's value is one
 * of our constants, a command's name or a provider's reason; nothing that a client wrote becomes one.
 */
@Injectable()
export class MetricsService implements OnModuleInit {
  readonly registry = new Registry();
  private readonly logger = new Logger(MetricsService.name);
  private readonly reasons = new ReasonLabels();

  private readonly onionRequests = new LabelledCounter(
    this.registry,
    'session_push_onion_requests_total',
    'Onion requests by version, by whether they could be used, and by why not',
    ['version', 'result', 'reason'],
  );
  private readonly commands = new LabelledCounter(
    this.registry,
    'session_push_commands_total',
    'Commands of opened onion requests by name and result',
    ['command', 'result'],
  );
  private readonly pushes = new LabelledCounter(
    this.registry,
    'session_push_pushes_total',
    'What became of pushes, per try, with the reason as the provider words it; provider "all" counts whole notifications',
    ['provider', 'outcome', 'reason'],
  );
  private readonly retries = new LabelledCounter(
    this.registry,
    'session_push_retries_total',
    'Pushes that are tried again, by the cause',
    ['provider', 'cause'],
  );
  private readonly tokens = new LabelledCounter(
    this.registry,
    'session_push_dead_tokens_total',
    'Tokens that their provider called dead: removed, or kept as suspects while the brake is on',
    ['provider', 'result'],
  );
  private readonly operatorRefusals = new LabelledCounter(
    this.registry,
    'session_push_operator_refusals_total',
    "Wrong passwords for the operator's endpoints, and passwords that were not looked at because there had been too many",
    ['reason'],
  );
  private readonly overloads = new LabelledCounter(
    this.registry,
    'session_push_overload_total',
    'What was given up to make room: connections that were idle or unfinished, and unfinished bodies of requests',
    ['what'],
  );
  private readonly sealedMessages = new LabelledCounter(
    this.registry,
    'session_push_sealed_messages_total',
    'Messages sealed for a subscription: whole, as metadata alone because they are too big for a push, or as was asked for',
    ['content'],
  );
  private readonly deliverySeconds = new Histogram({
    name: 'session_push_delivery_seconds',
    help: 'From the acceptance of a notification to the final answer of the provider for a device',
    labelNames: ['provider'],
    buckets: DELIVERY_BUCKETS_S,
    registers: [this.registry],
  });
  private readonly requestSeconds = new Histogram({
    name: 'session_push_provider_request_seconds',
    help: 'From handing a request to the transport to its result',
    labelNames: ['provider'],
    buckets: REQUEST_BUCKETS_S,
    registers: [this.registry],
  });
  private readonly groupSizes = new Histogram({
    name: 'session_push_group_commit_items',
    help: 'Pieces of work that shared one commit',
    labelNames: ['kind'],
    buckets: GROUP_BUCKETS,
    registers: [this.registry],
  });

  private readonly accepted: Record<OnionVersion, Count> = {
    v2: this.onionRequests.of('v2', 'accepted', 'none'),
    v4: this.onionRequests.of('v4', 'accepted', 'none'),
  };
  private readonly refused = {
    wrong: this.operatorRefusals.of('wrong'),
    limited: this.operatorRefusals.of('limited'),
  };
  private readonly givenUp = { connection: this.overloads.of('connection'), body: this.overloads.of('body') };
  private readonly sealed = {
    message: this.sealedMessages.of('message'),
    'too-big': this.sealedMessages.of('too-big'),
    metadata: this.sealedMessages.of('metadata'),
  };
  private readonly commandCounts = new Map<string, Record<CommandOutcome, Count>>();

  /** @param content what the push carries */
  sealedMessage(content: 'message' | 'too-big' | 'metadata'): void {
    this.sealed[content].value++;
  }

  /** Messages that went out as metadata alone because they were too big. */
  get sealedTooBig(): number {
    return this.sealed['too-big'].value;
  }

  /** Memory, processor, event loop and garbage collection; in a running server only. */
  onModuleInit(): void {
    collectDefaultMetrics({ register: this.registry });
  }

  onionAccepted(version: OnionVersion): void {
    this.accepted[version].value++;
  }

  /** The same sealed bytes came before, and were answered as then. */
  onionRepeated(version: OnionVersion): void {
    this.onionRequests.of(version, 'repeated', 'none').value++;
  }

  onionRefused(version: OnionVersion, result: OnionResult, reason: string): void {
    this.onionRequests.of(version, result, reason).value++;
  }

  /** @param name of a command that exists */
  command(name: string, outcome: CommandOutcome): void {
    let counts = this.commandCounts.get(name);
    if (!counts) {
      const of = (result: CommandOutcome): Count => this.commands.of(name, result);
      counts = {
        done: of('done'),
        declined: of('declined'),
        invalid: of('invalid'),
        postponed: of('postponed'),
        failed: of('failed'),
      };
      this.commandCounts.set(name, counts);
    }
    counts[outcome].value++;
  }

  /** A request for a command that does not exist; what the client called it stays out. */
  unknownCommand(): void {
    this.commands.of('unknown', 'invalid').value++;
  }

  operatorRefused(reason: 'wrong' | 'limited'): void {
    this.refused[reason].value++;
  }

  overloaded(what: 'connection' | 'body'): void {
    this.givenUp[what].value++;
  }

  pushed(provider: string, outcome: string, reason: string, count = 1): void {
    this.pushes.of(provider, outcome, this.reasons.labelFor(provider, reason)).value += count;
  }

  retried(provider: string, cause: string, count = 1): void {
    this.retries.of(provider, cause).value += count;
  }

  deadTokens(provider: string, result: 'removed' | 'suspected', count: number): void {
    this.tokens.of(provider, result).value += count;
  }

  answered(provider: string, sinceAcceptanceMs: number): void {
    this.deliverySeconds.observe({ provider }, sinceAcceptanceMs / 1000);
  }

  requested(provider: string, tookMs: number): void {
    this.requestSeconds.observe({ provider }, tookMs / 1000);
  }

  groupCommitted(kind: GroupKind, size: number): void {
    this.groupSizes.observe({ kind }, size);
  }

  /** A counter that another class keeps, read when metrics are. */
  counter(options: CounterOptions, read: () => GaugeSample[]): void {
    this.registry.registerMetric(
      new Counter({
        ...options,
        registers: [],
        collect() {
          this.reset();
          for (const { labels, value } of read()) this.inc(labels, value);
        },
      }),
    );
  }

  /** A gauge that is read when metrics are. One that cannot be read then is left out; the other metrics are shown. */
  gauge({ name, help, labelNames, combine }: GaugeOptions, read: () => GaugeSample[] | Promise<GaugeSample[]>): void {
    const { logger } = this;
    this.registry.registerMetric(
      new Gauge({
        name,
        help,
        labelNames,
        aggregator: combine,
        registers: [],
        async collect() {
          this.reset();
          try {
            for (const { labels, value } of await read()) this.set(labels, value);
          } catch (error) {
            logger.warn({ msg: 'a metric cannot be read', metric: name, error: describeError(error) });
          }
        },
      }),
    );
  }
}
