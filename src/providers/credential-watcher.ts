import { DAY_MS } from '../config/durations.js';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Cron, CronExpression, Interval } from '@nestjs/schedule';
import { stat } from 'node:fs/promises';
import { describeError } from '../common/words/describe-error.js';
import { problemOf } from '../common/words/problem-of.js';
import { AppConfig } from '../config/app-config.js';
import { OperatorEvents } from '../operator/operator-events.js';
import { PUSH_PROVIDERS } from './provider-definitions.js';
import { type Provider, type PushTransport, PushTransports } from './push-transport.js';

const LOOK_INTERVAL_MS = 5000;
const WARN_BEFORE_MS = 30 * DAY_MS;

/**
 * Takes changed credential files into use without a restart, within seconds or at once on SIGHUP. Files are looked at
 * rather than watched: that also sees a file that is replaced through a symbolic link, as container platforms do.
 */
@Injectable()
export class CredentialWatcher implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(CredentialWatcher.name);
  private readonly transports: readonly PushTransport[];
  private readonly seen = new Map<Provider, string>();
  private readonly onHangup = (): void => void this.reloadAll();

  constructor(
    private readonly config: AppConfig,
    transports: PushTransports,
    private readonly events: OperatorEvents,
  ) {
    this.transports = transports.all;
  }

  async onApplicationBootstrap(): Promise<void> {
    for (const { provider } of this.transports) this.seen.set(provider, await this.look(provider));
    process.on('SIGHUP', this.onHangup);
    this.warnBeforeExpiry();
  }

  onApplicationShutdown(): void {
    process.off('SIGHUP', this.onHangup);
  }

  @Interval(LOOK_INTERVAL_MS)
  async reloadChanged(): Promise<void> {
    for (const transport of this.transports) {
      const now = await this.look(transport.provider);
      if (now === this.seen.get(transport.provider)) continue;
      this.seen.set(transport.provider, now);
      await this.reload(transport);
    }
  }

  @Cron(CronExpression.EVERY_DAY_AT_NOON)
  warnBeforeExpiry(): void {
    const now = Date.now();
    for (const transport of this.transports) {
      const { provider } = transport;
      const expiresAt = transport.credentialExpiresAt();
      if (expiresAt === null || expiresAt > now + WARN_BEFORE_MS) continue;
      this.logger.warn({
        msg:
          expiresAt <= now
            ? 'the certificate has expired, replace its file'
            : 'the certificate expires soon, replace its file',
        provider,
        expiresAt: new Date(expiresAt).toISOString(),
      });
      const daysLeft = Math.floor((expiresAt - now) / DAY_MS);
      this.events.emit({ kind: 'certificate-expires', provider, expiresAt, daysLeft });
    }
  }

  private async reloadAll(): Promise<void> {
    for (const transport of this.transports) await this.reload(transport);
  }

  private async reload(transport: PushTransport): Promise<void> {
    const { provider } = transport;
    try {
      await transport.reloadCredentials();
      this.logger.log({ msg: 'credentials were read again and are in use', provider });
    } catch (error) {
      this.logger.error({
        msg: 'the new credentials are refused, the old ones stay in use',
        provider,
        error: describeError(error),
      });
      this.events.emit({ kind: 'credential-refused', provider, problem: problemOf(error) });
    }
  }

  /** Changes whenever a file of the provider does. */
  private async look(provider: Provider): Promise<string> {
    const files = PUSH_PROVIDERS[provider].credentialFiles(this.config).filter((file) => file !== null);
    const looks = files.map(async (file) => {
      const found = await stat(file).catch(() => null);
      return found ? `${found.ino} ${found.mtimeMs} ${found.size}` : 'missing';
    });
    return (await Promise.all(looks)).join(', ');
  }
}
