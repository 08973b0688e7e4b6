import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { letPass, stopBothClocks } from '../../../test/support/both-clocks.js';
import { ChannelError } from './http2-answer.js';
import {
  OAuthTokenSource,
  type OAuthTokenSourceOptions,
  type TokenGrant,
  type TokenRefused,
} from './oauth-token-source.js';

const NOW = 1_800_000_000_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A token endpoint whose answers are told in advance; one more call than that fails the test. */
function endpoint(...answers: (TokenGrant | Error)[]) {
  let calls = 0;
  const fetchToken = vi.fn<() => Promise<TokenGrant>>(async () => {
    const answer = answers[calls++];
    if (!answer) throw new Error('nobody expected another fetch');
    await new Promise((resolve) => setTimeout(resolve, 100));
    if (answer instanceof Error) throw answer;
    return answer;
  });
  return fetchToken;
}

const granted = (token: string, lifetimeMs = HOUR): TokenGrant => ({ kind: 'granted', token, lifetimeMs });
const down: TokenGrant = { kind: 'failed', cause: 'provider-down', reason: 'TokenHttp503' };
const token = (value: string) => ({ kind: 'token', value });

async function take(source: OAuthTokenSource) {
  const result = source.token();
  await vi.advanceTimersByTimeAsync(100);
  return result;
}

function sourceOf(fetchToken: () => Promise<TokenGrant>, options: Partial<OAuthTokenSourceOptions> = {}) {
  return new OAuthTokenSource(fetchToken, options);
}

describe('OAuthTokenSource', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it('fetches one token for all who wait for it', async () => {
    const fetchToken = endpoint(granted('a'));
    const source = sourceOf(fetchToken);

    const results = Promise.all(Array.from({ length: 50 }, () => source.token()));
    await vi.advanceTimersByTimeAsync(100);

    expect(await results).toEqual(Array.from({ length: 50 }, () => token('a')));
    expect(fetchToken).toHaveBeenCalledTimes(1);
  });

  it('replaces the token five minutes before its end, and goes on with it meanwhile', async () => {
    const fetchToken = endpoint(granted('a'), granted('b'));
    const source = sourceOf(fetchToken);
    await take(source);

    await vi.advanceTimersByTimeAsync(55 * MINUTE - 101);
    expect(await source.token()).toEqual(token('a'));
    expect(fetchToken).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(101);
    expect(await source.token()).toEqual(token('a'));
    expect(fetchToken).toHaveBeenCalledTimes(2);
    await vi.advanceTimersByTimeAsync(100);
    expect(await source.token()).toEqual(token('b'));
  });

  it('replaces a token with a short life after four fifths of it', async () => {
    const source = sourceOf(endpoint(granted('a', 10_000), granted('b', 10_000)));
    await take(source);

    await vi.advanceTimersByTimeAsync(8000);
    expect(await source.token()).toEqual(token('a'));
    await vi.advanceTimersByTimeAsync(100);
    expect(await source.token()).toEqual(token('b'));
  });

  it('waits for the next token once the old one has ended', async () => {
    const source = sourceOf(endpoint(granted('a'), granted('b')));
    await take(source);

    await vi.advanceTimersByTimeAsync(HOUR);
    expect(await take(source)).toEqual(token('b'));
  });

  it('uses the old token to its end while the endpoint is down, then says why there is none', async () => {
    const fetchToken = endpoint(granted('a'), down, down);
    const source = sourceOf(fetchToken, { failurePauseMs: 10 * MINUTE });
    await take(source);

    await vi.advanceTimersByTimeAsync(56 * MINUTE);
    expect(await take(source)).toEqual(token('a'));
    await vi.advanceTimersByTimeAsync(3 * MINUTE);
    expect(await source.token()).toEqual(token('a'));
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(await source.token()).toEqual(down);
    expect(fetchToken).toHaveBeenCalledTimes(2);
  });

  it('answers with the failure for a while instead of asking again', async () => {
    const fetchToken = endpoint(down, granted('a'));
    const source = sourceOf(fetchToken, { failurePauseMs: 5000 });
    expect(await take(source)).toEqual(down);

    await vi.advanceTimersByTimeAsync(4999);
    expect(await source.token()).toEqual(down);
    expect(fetchToken).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(await take(source)).toEqual(token('a'));
  });

  it('pauses as long as the endpoint asks for', async () => {
    const throttled: TokenGrant = { ...down, cause: 'provider-throttled', retryAfterMs: 2 * MINUTE };
    const source = sourceOf(endpoint(throttled, granted('a')), { failurePauseMs: 5000 });
    await take(source);

    await vi.advanceTimersByTimeAsync(2 * MINUTE - 1);
    expect(await source.token()).toEqual(throttled);
    await vi.advanceTimersByTimeAsync(1);
    expect(await take(source)).toEqual(token('a'));
  });

  it('asks again after its pause when the clock was a day ahead while it failed', async () => {
    vi.useRealTimers();
    stopBothClocks(NOW);
    const refused: TokenGrant = { kind: 'failed', cause: 'credential', reason: 'invalid_grant' };
    const fetchToken = vi
      .fn<() => Promise<TokenGrant>>()
      .mockResolvedValueOnce(refused)
      .mockResolvedValue(granted('a'));
    const source = sourceOf(fetchToken, { failurePauseMs: 5000 });

    vi.setSystemTime(NOW + 25 * HOUR);
    expect(await source.token()).toEqual(refused);
    vi.setSystemTime(NOW);
    letPass(6000);
    expect(await source.token()).toEqual(token('a'));
  });

  it('gives a fetch that does not end up after its deadline', async () => {
    const source = sourceOf(() => new Promise(() => {}), { fetchTimeoutMs: 3000 });
    const result = source.token();
    await vi.advanceTimersByTimeAsync(3000);
    expect(await result).toEqual({ kind: 'failed', cause: 'provider-down', reason: 'TokenTimeout' });
  });

  it.each([
    [new ChannelError('ConnectFailed'), 'ConnectFailed'],
    [new Error('https://user:secret@host'), 'UnexpectedError'],
  ])('takes an endpoint that cannot be reached for down, by a constant reason', async (error, reason) => {
    const source = sourceOf(endpoint(error));
    expect(await take(source)).toEqual({ kind: 'failed', cause: 'provider-down', reason });
  });

  describe('when the provider refuses the token', () => {
    const refusal: TokenRefused = { kind: 'token-refused', reason: 'UNAUTHENTICATED' };
    const accepting = (good: string) =>
      vi.fn<(value: string) => Promise<{ kind: 'result' } | TokenRefused>>(async (value) =>
        value === good ? { kind: 'result' } : refusal,
      );

    async function exchange(source: OAuthTokenSource, send: ReturnType<typeof accepting>) {
      const result = source.withToken(send);
      await vi.advanceTimersByTimeAsync(200);
      return result;
    }

    it('sends again with a new one', async () => {
      const send = accepting('b');
      expect(await exchange(sourceOf(endpoint(granted('a'), granted('b'))), send)).toEqual({ kind: 'result' });
      expect(send.mock.calls).toEqual([['a'], ['b']]);
    });

    it('fetches one new token for all whose old one was refused', async () => {
      const fetchToken = endpoint(granted('a'), granted('b'));
      const source = sourceOf(fetchToken);
      const results = Promise.all(Array.from({ length: 100 }, () => source.withToken(accepting('b'))));
      await vi.advanceTimersByTimeAsync(200);
      expect(new Set((await results).map(({ kind }) => kind))).toEqual(new Set(['result']));
      expect(fetchToken).toHaveBeenCalledTimes(2);
    });

    it('keeps a token that replaced the refused one meanwhile', async () => {
      const source = sourceOf(endpoint(granted('a'), granted('b')));
      await take(source);
      expect(source.invalidate('a')).toBe(true);
      expect(await take(source)).toEqual(token('b'));
      expect(source.invalidate('a')).toBe(true);
      expect(await source.token()).toEqual(token('b'));
    });

    it('stops asking for new ones when the new one is refused too, until a while later', async () => {
      const fetchToken = endpoint(granted('a'), granted('b'), granted('c'));
      const source = sourceOf(fetchToken, { refusalPauseMs: MINUTE });
      const send = accepting('c');

      expect(await exchange(source, send)).toEqual(refusal);
      expect(await exchange(source, send)).toEqual(refusal);
      expect(fetchToken).toHaveBeenCalledTimes(2);
      await vi.advanceTimersByTimeAsync(MINUTE);
      expect(await exchange(source, send)).toEqual({ kind: 'result' });
    });

    it('says why there is no new one', async () => {
      const source = sourceOf(endpoint(granted('a'), down));
      expect(await exchange(source, accepting('b'))).toEqual(down);
    });
  });

  it('says why there is no token to send with', async () => {
    const result = sourceOf(endpoint(down)).withToken(() => Promise.reject(new Error('must not be called')));
    await vi.advanceTimersByTimeAsync(100);
    expect(await result).toEqual(down);
  });
});
