import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { hostname } from 'node:os';
import { AppConfig } from '../config/app-config.js';
import { Duties } from '../config/duties.js';
import { Outgoing } from '../outgoing/outgoing.js';
import { OperatorEvents } from '../operator/operator-events.js';
import { type Alert, sentenceOf, severityOf } from './alert.js';
import { AlertLimiter } from './alert-limiter.js';
import { CertificateReminders } from './certificate-reminders.js';
import { Hook } from './hook.js';
import { WebhookSender } from './webhook-sender.js';

const LIMITS = { windowMs: 10 * 60_000, maxPerWindow: 3 };

/** Tells the operator what happens through the configured hook; without one it does nothing. */
@Injectable()
export class AlertsService implements OnApplicationShutdown {
  private readonly sender: WebhookSender | null;
  private readonly limiter = new AlertLimiter((alert, leftOut) => this.send(alert, leftOut), LIMITS);
  private readonly certificates = new CertificateReminders();

  constructor(config: AppConfig, { leads }: Duties, events: OperatorEvents) {
    const { hook } = config.alerts;
    // Of several processes that notice the same thing, one tells.
    this.sender = hook === null || !leads ? null : new WebhookSender(new Hook(hook, new Outgoing(config.proxy)));
    // Not later: some things are noticed while the modules are initialized, and once.
    if (this.sender) events.on((event) => this.tell(event));
  }

  get isOn(): boolean {
    return this.sender !== null;
  }

  /** Returns at once; what is told too often is held back. */
  tell(alert: Alert): void {
    if (!this.sender) return;
    if (alert.kind === 'certificate-expires') {
      if (!this.certificates.isDue(alert.provider, alert.expiresAt, alert.daysLeft)) return;
    }
    this.limiter.offer(alert);
  }

  async onApplicationShutdown(): Promise<void> {
    this.limiter.stop();
    await this.sender?.stop();
  }

  private send(alert: Alert, leftOut: number): void {
    const { kind, ...details } = alert;
    const more = leftOut > 0 ? ` (${leftOut} earlier messages about this were left out)` : '';
    void this.sender?.send({
      text: `Session push server on ${hostname()}: ${sentenceOf(alert)}${more}`,
      kind,
      severity: severityOf(alert),
      at: new Date().toISOString(),
      details,
    });
  }
}
