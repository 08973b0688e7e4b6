import { describe, expect, it } from 'vitest';
import { ChannelError, type ChannelErrorReason } from './http2-answer.js';
import { type RetryCause } from '../push-transport.js';
import { failureOfSend } from './send-failure.js';

describe('failureOfSend', () => {
  it.each<[ChannelErrorReason, RetryCause]>([
    ['RefusedStream', 'not-processed'],
    ['TlsFailed', 'provider-down'],
    ['Timeout', 'outcome-unknown'],
  ])('%s means %s', (reason, cause) => {
    expect(failureOfSend(new ChannelError(reason))).toEqual({ outcome: 'retry', cause, reason });
  });

  it.each([new Error('free text'), 'thrown', undefined])('keeps the push after a mistake of ours', (error) => {
    expect(failureOfSend(error)).toEqual({ outcome: 'retry', cause: 'outcome-unknown', reason: 'UnexpectedError' });
  });
});
