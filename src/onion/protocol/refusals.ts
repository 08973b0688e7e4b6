/**
 * Why a request was not opened. It is answered with HTTP 400 and an empty body, the same for every reason; the reason is
 * for counting only. See docs/protocol.md §3.3.
 */
export type OpenRefusal = 'frame' | 'enc-type' | 'ephemeral-key' | 'undecryptable';

/** Why no command is asked about an opened request. It is answered sealed, with inner status 400 and a fixed message. */
export type PayloadRefusal = 'undecryptable' | 'payload' | 'endpoint';

/** For `body` this is the text of the legacy commands and of commands that do not exist; other commands bring their own. */
export type ContentRefusal = PayloadRefusal | 'body';

/** The fixed text that goes to the client. Clients show or log it at most; none parses it. */
export function contentRefusalMessage(reason: ContentRefusal): string {
  switch (reason) {
    case 'undecryptable':
      return '';
    case 'payload':
      return 'Invalid request';
    case 'endpoint':
      return 'Invalid request: the endpoint is missing';
    case 'body':
      return 'Invalid request: the body must be a JSON object';
  }
}
