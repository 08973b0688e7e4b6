import { type Random } from './random.js';

const LINE = '\r\n';
const request = (lines: readonly string[], body = ''): string => `${lines.join(LINE)}${LINE}${LINE}${body}`;
const post = (headers: readonly string[], body = ''): string =>
  request(['POST /oxen/v4/lsrpc HTTP/1.1', 'Host: x', ...headers], body);

/** Bytes for a connection of their own: HTTP with something wrong, or no HTTP at all. */
export function hostileBytes(random: Random): Buffer {
  const text = random.pick([
    () => '',
    () => LINE.repeat(1 + random.integer(500)),
    () => '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    () => 'GET /\r\n',
    () => request(['GET / HTTP/0.9']),
    () => request(['GET / HTTP/3.7', 'Host: x']),
    () => request(['GET  /  HTTP/1.1', 'Host: x']),
    () => request(['GET / HTTP/1.1']),
    () => request(['GET / HTTP/1.1', 'Host: a', 'Host: b']),
    () => request(['GET http://elsewhere/ HTTP/1.1', 'Host: x']),
    () => request(['CONNECT elsewhere:443 HTTP/1.1', 'Host: x']),
    () => request(['GET /\x00 HTTP/1.1', 'Host: x']),
    () => request(['\xff\xfe / HTTP/1.1', 'Host: x']),
    () => post(['Content-Length: 5', 'Transfer-Encoding: chunked'], '0\r\n\r\nGET / HTTP/1.1\r\n\r\n'),
    () => post(['Content-Length: 5', 'Content-Length: 6'], 'hello!'),
    () => post(['Content-Length: -1']),
    () => post(['Content-Length: 99999999999999999999'], 'x'),
    () => post(['Content-Length: 0x10'], 'x'.repeat(16)),
    () => post(['Content-Length: 10'], 'short'),
    () => post(['Transfer-Encoding: chunked'], 'ffffffffffffffff\r\nx'),
    () => post(['Transfer-Encoding: chunked'], 'zz\r\nx\r\n0\r\n\r\n'),
    () => post(['Transfer-Encoding: chunked'], '5;ext=x\r\nhello\r\n0\r\nTrailer: x\r\n\r\n'),
    () => post(['Transfer-Encoding: chunked, identity'], '0\r\n\r\n'),
    () => post(['Transfer-Encoding: xchunked'], '0\r\n\r\n'),
    () => post(['Transfer-Encoding : chunked'], '0\r\n\r\n'),
    () => post([' folded: header', 'X: a\r\n b', 'Content-Length: 0']),
    () => post(['X: \x00', 'Content-Length: 0']),
    () => post(['Expect: 100-continue', 'Content-Length: 5'], 'hello'),
    () => post(['Expect: nonsense', 'Content-Length: 0']),
    () => post(Array.from({ length: 3000 }, (_, index) => `h${index}: x`)),
    () => post([`X: ${'x'.repeat(random.pick([8000, 17_000, 200_000]))}`]),
    () => request([`GET /${'a'.repeat(random.pick([10_000, 100_000]))} HTTP/1.1`, 'Host: x']),
    () => post(['Content-Length: 0']).repeat(200),
    () => post(['Content-Length: 0']).replaceAll(LINE, '\n'),
    () => random.bytes(1 + random.integer(2000)).toString('latin1'),
  ])();
  return Buffer.from(text, 'latin1');
}
