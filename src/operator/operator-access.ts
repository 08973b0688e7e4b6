import { Inject, Injectable } from '@nestjs/common';
import { createHash, timingSafeEqual } from 'node:crypto';
import { type AppConfig } from '../config/app-config.js';
import { APP_CONFIG } from '../config/config.module.js';

/** Knows the operator by the Basic credentials of the configuration. */
@Injectable()
export class OperatorAccess {
  private readonly expected: Buffer | null;

  constructor(@Inject(APP_CONFIG) config: AppConfig) {
    const { credentials } = config.statistics;
    this.expected = credentials && digest(`${credentials.username}:${credentials.password}`);
  }

  /** False: no credentials are configured, and nobody is the operator. */
  get isConfigured(): boolean {
    return this.expected !== null;
  }

  /** @param authorization the request's header of that name */
  allows(authorization: string | undefined): boolean {
    if (!this.expected) return false;
    const [scheme, value] = (authorization ?? '').split(' ', 2);
    const given = scheme?.toLowerCase() === 'basic' ? Buffer.from(value ?? '', 'base64').toString('utf8') : '';
    // Digests have one length, so the comparison takes the same time whatever was given.
    return timingSafeEqual(digest(given), this.expected);
  }
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
