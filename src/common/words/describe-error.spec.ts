import { QueryFailedError } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { describeError } from './describe-error.js';

const SECRET = '05secret-session-id';

describe('describeError', () => {
  it('tells type, message, code and stack frames', () => {
    const error = Object.assign(new TypeError('The port is in use'), { code: 'EADDRINUSE' });
    const { stack, ...rest } = describeError(error);
    expect(rest).toEqual({ type: 'TypeError', code: 'EADDRINUSE', message: 'The port is in use' });
    expect(stack).toMatch(/^\s+at .*describe-error\.spec/);
  });

  it('leaves out the code of an error that has none', () => {
    expect(describeError(new Error('plain'))).not.toHaveProperty('code');
  });

  it('gives a numeric code as text', () => {
    expect(describeError(Object.assign(new Error('x'), { code: 5 })).code).toBe('5');
  });

  it('leaves out a code that is neither text nor number', () => {
    expect(describeError(Object.assign(new Error('x'), { code: { SECRET } }))).not.toHaveProperty('code');
  });

  it('tells nothing else that hangs on an error', () => {
    const error = Object.assign(new Error('failed', { cause: new Error(SECRET) }), { body: SECRET, token: SECRET });
    expect(JSON.stringify(describeError(error))).not.toContain(SECRET);
  });

  it('tells the code of a failed query and none of its values', () => {
    const driverError = Object.assign(new Error(`Duplicate entry '${SECRET}' for key 'PRIMARY'`), {
      code: 'ER_DUP_ENTRY',
    });
    const described = describeError(new QueryFailedError('INSERT INTO devices VALUES (?)', [SECRET], driverError));
    expect(described).toMatchObject({ type: 'QueryFailedError', code: 'ER_DUP_ENTRY' });
    expect(described).not.toHaveProperty('message');
    expect(JSON.stringify(described)).not.toContain(SECRET);
  });

  it.each([
    ['of the MariaDB driver', Object.assign(new Error(SECRET), { sql: `SELECT '${SECRET}'` })],
    ['with an SQLite code', Object.assign(new Error(SECRET), { code: 'SQLITE_CONSTRAINT' })],
    ['with a MariaDB code', Object.assign(new Error(SECRET), { code: 'ER_DATA_TOO_LONG' })],
    ['of a failed query whose driver gave no code', new QueryFailedError('SELECT ?', [SECRET], new Error(SECRET))],
  ])('keeps the message of an error %s to itself', (_, error) => {
    expect(JSON.stringify(describeError(error))).not.toContain(SECRET);
  });

  it('keeps the text that a JSON error quotes to itself', () => {
    expect(JSON.stringify(describeError(jsonError(`{"token": secret}`)))).not.toContain('secret');
  });

  it('keeps the lines of a message out of the stack', () => {
    expect(describeError(new Error(`first line\n${SECRET}`)).stack).not.toContain(SECRET);
  });

  it('copes with an error that has no stack', () => {
    const error = new Error('x');
    delete error.stack;
    expect(describeError(error).stack).toBe('');
  });

  it.each([
    [SECRET, 'string'],
    [undefined, 'undefined'],
    [{ token: SECRET }, 'object'],
    [null, 'object'],
  ])('tells only the type of something thrown that is no error', (thrown, type) => {
    expect(describeError(thrown)).toEqual({ type });
  });
});

function jsonError(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return error;
  }
}
