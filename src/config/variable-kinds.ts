import { readFileSync } from 'node:fs';
import { z } from 'zod';

// What a variable takes is said by its limits, or in words by `takes`; docs/configuration.md is made from both.

export const text = z.string().min(1).optional().meta({ takes: 'text' });

export const hours = (fallback: number, max: number) =>
  z.coerce.number({ error: 'must be a number of hours' }).positive('must be above 0').max(max).default(fallback);

export const wholeNumber = (min: number, max: number) => {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.coerce.number({ error }).int(error).min(min, error).max(max, error);
};

const HTTPS_URL = 'https://host or https://host:port';
export const httpsUrl = (fallback: string) =>
  z
    .string()
    .default(fallback)
    .refine((value) => URL.canParse(value) && new URL(value).protocol === 'https:', `must be ${HTTPS_URL}`)
    .meta({ takes: HTTPS_URL });

export const readableFile = text
  .refine((file) => file === undefined || isReadable(file), 'cannot be read')
  .meta({ takes: 'the path of a file that the server can read' });

const DATABASE_URL = 'sqlite:path or mysql://user:password@host:port/database';
export const databaseUrl = (fallback: string) =>
  z
    .string()
    .default(fallback)
    .refine((url) => /^sqlite:.+/.test(url) || isDatabaseServer(url), `must be ${DATABASE_URL}`)
    .meta({ takes: DATABASE_URL });

const REDIS_URL = 'redis://host:port or rediss://user:password@host:port/number';
export const redisUrl = text
  .refine((url) => url === undefined || isRedis(url), `must be ${REDIS_URL}`)
  .meta({ takes: REDIS_URL });

export const httpUrl = text
  .refine((url) => url === undefined || isHttp(url), 'must be https://... or http://...')
  .meta({ takes: 'a URL of https or http' });

function isReadable(file: string): boolean {
  try {
    readFileSync(file);
    return true;
  } catch {
    return false;
  }
}

function isDatabaseServer(value: string): boolean {
  return (
    URL.canParse(value) &&
    ['mysql:', 'mariadb:'].includes(new URL(value).protocol) &&
    new URL(value).pathname.length > 1
  );
}

function isHttp(value: string): boolean {
  return URL.canParse(value) && ['https:', 'http:'].includes(new URL(value).protocol);
}

function isRedis(value: string): boolean {
  return URL.canParse(value) && ['redis:', 'rediss:'].includes(new URL(value).protocol) && new URL(value).host !== '';
}
