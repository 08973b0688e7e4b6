import { Injectable, Logger } from '@nestjs/common';
import { RepeatedError } from '../common/repeated-error.js';
import { withDeadline } from '../common/with-deadline.js';
import { MetricsService } from '../metrics/metrics.service.js';
import { CommandRegistry } from './command-registry.js';
import { OnionKeyService } from './onion-key.service.js';
import { type Envelope, type InnerStatus, resultJson } from './protocol/envelope.js';
import { type JsonObject } from './protocol/json.js';
import { contentRefusalMessage, type OpenRefusal } from './protocol/refusals.js';

/** What goes back over HTTP. */
export type OnionAnswer =
  | { readonly kind: 'sealed'; readonly body: Buffer }
  /** The request was not opened, so there is nobody to tell more than that. */
  | { readonly kind: 'refused'; readonly reason: OpenRefusal };

interface InnerAnswer {
  readonly status: InnerStatus;
  readonly code: 0 | 1;
  readonly message: string;
}

/** A service node gives up after 25 s. What is done later than this was not acknowledged, and the client asks again. */
const ANSWER_WITHIN_MS = 20_000;

const FAILED: InnerAnswer = {
  status: 500,
  code: 0,
  message: 'The server could not do this now, try again later',
};

/** Opens a request, hands it to its command and seals what the command says. */
@Injectable()
export class OnionService {
  private readonly logger = new Logger(OnionService.name);
  private readonly errors = new RepeatedError((line) => this.logger.error(line));

  constructor(
    private readonly key: OnionKeyService,
    private readonly commands: CommandRegistry,
    private readonly metrics: MetricsService,
  ) {}

  async answer(envelope: Envelope, body: Buffer): Promise<OnionAnswer> {
    const opened = envelope.open(this.key.keyPair, body);
    if (opened.kind === 'request') this.metrics.onionAccepted(envelope.version);
    else this.metrics.onionRefused(envelope.version, opened.kind, opened.reason);
    if (opened.kind === 'refused') return opened;
    const { status, code, message } =
      opened.kind === 'request'
        ? await this.run(opened.endpoint, opened.args)
        : badRequest(contentRefusalMessage(opened.reason));
    return { kind: 'sealed', body: envelope.sealReply(opened.channel, status, resultJson(code, message)) };
  }

  private async run(endpoint: string, args: JsonObject): Promise<InnerAnswer> {
    const command = this.commands.find(endpoint);
    if (!command) {
      this.metrics.unknownCommand();
      return badRequest('Unknown command');
    }
    try {
      const parsed = command.schema.safeParse(args);
      if (!parsed.success) {
        this.metrics.command(endpoint, 'invalid');
        return badRequest(parsed.error.issues[0]?.message ?? 'Invalid arguments');
      }
      const { code, message } = await withDeadline(command.run(parsed.data), ANSWER_WITHIN_MS);
      this.metrics.command(endpoint, code === 1 ? 'done' : 'declined');
      return { status: 200, code, message };
    } catch (error) {
      this.metrics.command(endpoint, 'failed');
      // Found in the registry, so the name is one of ours and nothing that a client wrote.
      this.errors.log({ msg: 'an onion command failed', command: endpoint }, error);
      return FAILED;
    }
  }
}

function badRequest(message: string): InnerAnswer {
  return { status: 400, code: 0, message };
}
