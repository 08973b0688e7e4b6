import { z } from 'zod';
import { DATABASE_URL, parseDatabaseUrl } from './database-url.js';
import { NO_PROXY, parseProxyExceptions, parseProxyUrl, PROXY_URL } from './proxy-url.js';
import { parseRedisUrl, REDIS_URL } from './redis-url.js';
import { parseNodeListSources } from './node-list-source.js';
import { fileProblem } from './unreadable.js';

// What a variable takes is said by its limits, or in words by `takes`; docs/configuration.md is made from both.

export const text = z.string().min(1).optional().meta({ takes: 'text' });

const IDENTIFIER = 'letters, digits, dots, dashes, underscores and colons';
const anIdentifier = z
  .string()
  .regex(/^[\w.:-]+$/, `must be ${IDENTIFIER}`)
  .meta({ takes: IDENTIFIER });
export const identifier = anIdentifier.optional().meta({ takes: IDENTIFIER });
export const identifierOr = (fallback: string) => anIdentifier.default(fallback).meta({ takes: IDENTIFIER });

export const hours = (fallback: number, max: number) =>
  z.coerce.number({ error: 'must be a number of hours' }).positive('must be above 0').max(max).default(fallback);

export const wholeNumber = (min: number, max: number) => {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.coerce.number({ error }).int(error).min(min, error).max(max, error);
};

const PORT_ERROR = 'must be a port number';
export const portNumber = z.coerce.number({ error: PORT_ERROR }).int(PORT_ERROR).min(0).max(65_535);

const HTTPS_URL = 'https://host or https://host:port';
export const httpsUrl = (fallback: string) =>
  z
    .string()
    .default(fallback)
    .refine((value) => URL.canParse(value) && new URL(value).protocol === 'https:', `must be ${HTTPS_URL}`)
    .meta({ takes: HTTPS_URL });

export const readableFile = text
  .superRefine((file, context) => {
    const problem = file === undefined ? null : fileProblem(file);
    if (problem !== null) context.addIssue({ code: 'custom', message: problem });
  })
  .meta({ takes: 'the path of a file that the server can read' });

export const databaseUrl = (fallback: string) =>
  z
    .string()
    .default(fallback)
    .superRefine(understood((url) => /^sqlite:.+/.test(url) || parseDatabaseUrl(url)))
    .meta({ takes: DATABASE_URL });

export const redisUrl = text.superRefine(understood((url) => parseRedisUrl(url))).meta({ takes: REDIS_URL });

export const httpUrl = text
  .refine((url) => url === undefined || isHttp(url), 'must be https://... or http://...')
  .meta({ takes: 'a URL of https or http' });

export const proxyUrl = text.superRefine(understood((url) => parseProxyUrl(url))).meta({ takes: PROXY_URL });

export const proxyExceptions = text
  .refine((value) => value === undefined || parseProxyExceptions(value) !== null, `must be ${NO_PROXY}`)
  .meta({ takes: NO_PROXY });

const NODE_LIST =
  'mainnet, testnet, or sources with commas between: curve://host:port/KEYHEX, tcp://host:port, ipc:///path, ' +
  'https://host:port/json_rpc or http://...';
export const nodeList = text
  .refine((value) => value === undefined || parseNodeListSources(value) !== null, `must be ${NODE_LIST}`)
  .meta({ takes: NODE_LIST });

const HOSTS =
  'host names or addresses, each with or without a port, with commas between: push.example.org, 10.0.0.7:8443';
export const hostList = text
  .refine((value) => value === undefined || hostsOf(value).every(isHost), `must be ${HOSTS}`)
  .meta({ takes: HOSTS });

/** The parts of a list of hosts, as URLs spell them. */
export const hostsOf = (list: string): string[] => list.split(',').map((host) => host.trim().toLowerCase());

const CONTACT = 'mailto:somebody@example.org or https://example.org/contact';
export const contactUrl = text
  .refine((value) => value === undefined || isContact(value), `must be ${CONTACT}`)
  .meta({ takes: CONTACT });

function isHttp(value: string): boolean {
  return URL.canParse(value) && ['https:', 'http:'].includes(new URL(value).protocol);
}

/** A host in the one spelling in which it stands in a URL; with a port that is not the usual one, or without. */
function isHost(value: string): boolean {
  if (!URL.canParse(`https://${value}`)) return false;
  const { host, hostname, port } = new URL(`https://${value}`);
  return value === host || (port === '' && value === `${hostname}:443`);
}

function isContact(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, hostname, pathname } = new URL(value);
  return protocol === 'mailto:'
    ? /^[^@\s]+@[^@\s]+$/.test(pathname)
    : protocol === 'https:' && hostname !== 'localhost';
}

/** The parser says what it does not understand. */
function understood(parse: (value: string) => unknown): (value: string | undefined, context: z.RefinementCtx) => void {
  return (value, context) => {
    if (value === undefined) return;
    try {
      parse(value);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
    }
  };
}
