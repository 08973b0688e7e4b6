import { Injectable, Logger } from '@nestjs/common';
import { RepeatedError } from '../common/words/repeated-error.js';
import { DeadlineError, withDeadline } from '../common/time/with-deadline.js';
import { MetricsService } from '../metrics/metrics.service.js';
import { CommandRegistry, type RegisteredCommand } from './command-registry.js';
import { type RequestProblem, TRY_AGAIN } from './onion-command.decorator.js';
import { OnionKeyService } from './onion-key.service.js';
import {
  type Envelope,
  type InnerStatus,
  type OpenedRequest,
  type RequestBody,
  resultJson,
} from './protocol/envelope.js';
import { isJsonObject } from '../encoding/json.js';
import { type OnionVersion } from './protocol/onion-client.js';
import { contentRefusalMessage, type OpenRefusal } from './protocol/refusals.js';
import { RecentAnswers, type SealedAnswer } from './recent-answers.js';

/** What goes back over HTTP. */
export type OnionAnswer =
  | { readonly kind: 'sealed'; readonly body: Buffer }
  /** The request was not opened, so there is no key to seal more than a status with. */
  | { readonly kind: 'refused'; readonly reason: OpenRefusal };

interface InnerAnswer {
  readonly status: InnerStatus;
  readonly json: string;
}

/** A service node gives up after 25 s. What is done later than this was not acknowledged, and the client asks again. */
const ANSWER_WITHIN_MS = 20_000;

/** Opens a request, hands it to its command and seals what the command says. */
@Injectable()
export class OnionService {
  private readonly logger = new Logger(OnionService.name);
  private readonly errors = new RepeatedError((line) => this.logger.error(line));

  constructor(
    private readonly key: OnionKeyService,
    private readonly commands: CommandRegistry,
    private readonly recent: RecentAnswers,
    private readonly metrics: MetricsService,
  ) {}

  /** @param waitedMs since the request arrived; what is left of the time that its sender has is less by that */
  async answer(envelope: Envelope, body: Buffer, waitedMs = 0): Promise<OnionAnswer> {
    const { version } = envelope;
    const opened = envelope.open(this.key.keyPair, body);
    switch (opened.kind) {
      case 'refused':
        this.metrics.onionRefused(version, opened.kind, opened.reason);
        return opened;
      case 'unusable': {
        this.metrics.onionRefused(version, opened.kind, opened.reason);
        const { status, json } = badRequest(contentRefusalMessage(opened.reason));
        return { kind: 'sealed', body: envelope.sealReply(opened.channel, status, json) };
      }
      case 'request':
        return { kind: 'sealed', body: await this.answerOnce(envelope, opened, waitedMs) };
    }
  }

  private answerOnce(envelope: Envelope, request: OpenedRequest, waitedMs: number): Buffer | Promise<Buffer> {
    const { version } = envelope;
    const fingerprint = `${version} ${request.fingerprint}`;
    const earlier = this.recent.find(fingerprint);
    if (!earlier) return this.recent.keep(fingerprint, this.carryOut(envelope, request, waitedMs));
    this.metrics.onionRepeated(version);
    return earlier;
  }

  private async carryOut(
    envelope: Envelope,
    { channel, endpoint, body }: OpenedRequest,
    waitedMs: number,
  ): Promise<SealedAnswer> {
    const { status, json } = await this.ask(envelope.version, endpoint, body, ANSWER_WITHIN_MS - waitedMs);
    return { body: envelope.sealReply(channel, status, json), isFinal: status < 500 };
  }

  private async ask(
    version: OnionVersion,
    endpoint: string,
    body: RequestBody,
    withinMs: number,
  ): Promise<InnerAnswer> {
    const command = this.commands.find(endpoint, version);
    if (body.kind !== 'json' || !isOfForm(body.value, command?.takes)) {
      this.metrics.onionRefused(version, 'unusable', 'body');
      return command ? refusal(command, problemOf(body)) : badRequest(contentRefusalMessage('body'));
    }
    this.metrics.onionAccepted(version);
    if (command) return this.run(command, body.value, withinMs);
    this.metrics.unknownCommand();
    return badRequest('Unknown command');
  }

  private async run(command: RegisteredCommand, body: unknown, withinMs: number): Promise<InnerAnswer> {
    // Found in the registry, so the name is one of ours and nothing that a client wrote.
    const { name } = command;
    try {
      const parsed = command.schema.safeParse(body);
      if (!parsed.success) {
        this.metrics.command(name, 'invalid');
        const message = parsed.error.issues[0]?.message ?? 'Invalid arguments';
        return refusal(command, { kind: 'arguments', message });
      }
      if (withinMs <= 0) throw new DeadlineError('timed out before it was begun');
      const reply = await withDeadline(command.run(parsed.data), withinMs);
      if (reply === TRY_AGAIN) {
        this.metrics.command(name, 'postponed');
        return notNow(command);
      }
      const json = command.encode(reply);
      this.metrics.command(name, command.succeeded(reply) ? 'done' : 'declined');
      return { status: 200, json };
    } catch (error) {
      this.metrics.command(name, 'failed');
      this.errors.log({ msg: 'an onion command failed', command: name }, error);
      return notNow(command);
    }
  }
}

function isOfForm(value: unknown, takes: RegisteredCommand['takes'] = 'object'): boolean {
  return isJsonObject(value) || (takes === 'object-or-array' && Array.isArray(value) && value.every(isJsonObject));
}

function problemOf({ kind }: RequestBody): RequestProblem {
  switch (kind) {
    case 'missing':
      return { kind: 'body-missing' };
    case 'not-json':
      return { kind: 'not-json' };
    case 'json':
      return { kind: 'wrong-form' };
  }
}

function refusal(command: RegisteredCommand, problem: RequestProblem): InnerAnswer {
  const { status, body } = command.refuse(problem);
  return { status, json: command.encode(body) };
}

function notNow(command: RegisteredCommand): InnerAnswer {
  const { status, body } = command.later;
  return { status, json: command.encode(body) };
}

/** Of a request that no command is asked about; in the form of the legacy API, which all clients understand. */
function badRequest(message: string): InnerAnswer {
  return { status: 400, json: resultJson(0, message) };
}
