import { ChannelError } from './http2-answer.js';
import { type DeliveryResult } from '../push-transport.js';

export type RetryResult = Extract<DeliveryResult, { outcome: 'retry' }>;

/** What a request without an answer means for its push. */
export function failureOfSend(error: unknown): RetryResult {
  // Anything else is a mistake of ours. The push is kept: losing it would be a second mistake.
  if (!(error instanceof ChannelError))
    return { outcome: 'retry', cause: 'outcome-unknown', reason: 'UnexpectedError' };
  switch (error.kind) {
    case 'not-processed':
      return { outcome: 'retry', cause: 'not-processed', reason: error.reason };
    case 'unreachable':
      return { outcome: 'retry', cause: 'provider-down', reason: error.reason };
    case 'outcome-unknown':
      return { outcome: 'retry', cause: 'outcome-unknown', reason: error.reason };
  }
}
