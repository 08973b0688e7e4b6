import {
  type OnionReply,
  openJsonReply,
  sealRequest,
  type SealRequestOptions,
} from '../onion/protocol/onion-client.js';
import { CliError } from './cli-error.js';

/** As long as a service node waits. */
const TIMEOUT_MS = 25_000;

/** No answer at all; the message is for the operator. */
export class NoAnswerError extends CliError {
  /** @param reason the network's own code, or what kind of error it was */
  constructor(
    url: string,
    readonly reason: string,
    cause: unknown,
  ) {
    super(`${url} does not answer (${reason}).`, { cause });
  }
}

/**
 * Asks a server as an app does.
 *
 * @param url its address, without the path of onion requests
 * @throws CliError with what is wrong
 */
export async function askServer(url: string, request: SealRequestOptions): Promise<OnionReply<unknown>> {
  const { path, body, context } = sealRequest(request);
  const whole = url.replace(/\/+$/, '') + path;
  const { status, answer } = await post(whole, body);
  if (status === 400) throw new CliError('HTTP 400: the server cannot open the request. Is the public key its own?');
  if (status !== 200) throw new CliError(`HTTP ${status}: there is no push server at ${whole}, or it fails.`);
  return openJsonReply(context, answer);
}

/** @throws NoAnswerError */
export async function post(url: string, body: Buffer): Promise<{ status: number; answer: Buffer }> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      body: new Uint8Array(body),
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return { status: response.status, answer: Buffer.from(await response.arrayBuffer()) };
  } catch (cause) {
    throw new NoAnswerError(url, reasonOf(cause), cause);
  }
}

/** `fetch` hides the network's own error one level down. */
function reasonOf(error: unknown): string {
  const source = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(source instanceof Error)) return 'unknown error';
  return 'code' in source && typeof source.code === 'string' ? source.code : source.name;
}
