/** Any other byte makes a text that is not the same text in every `sql_mode` and character set when it is quoted. */
const NOT_QUOTABLE = /[^ -&(-[\]-~]/;

/**
 * Writes values into a statement in the place of its `?`, so that the text reads the same in every `sql_mode`.
 *
 * The driver escapes a quote by a backslash, whatever the server thinks of backslashes: with `NO_BACKSLASH_ESCAPES` the
 * text ends there, and the rest of the value is SQL. Here a text that is anything but printable ASCII without `'` and `\`
 * becomes a hexadecimal literal of its UTF-8, `_utf8mb4 X'…'`. No state of the session, or of a proxy before the
 * database, can change what that means.
 *
 * @param sql without any other `?` when there are values
 * @param values one for each `?`; a time is written in UTC, bytes as `X'…'`
 * @throws TypeError when there are not as many values as `?`, or a value is not a scalar
 * @see https://dev.mysql.com/doc/refman/8.4/en/hexadecimal-literals.html
 * @see https://mariadb.com/kb/en/sql-mode/
 */
export function writeStatement(sql: string, values: unknown): string {
  if (values === undefined || values === null) return sql;
  if (!Array.isArray(values)) throw new TypeError('The parameters of a statement must be a list');
  if (values.length === 0) return sql;
  const [head, ...pieces] = sql.split('?') as [string, ...string[]];
  if (pieces.length !== values.length) {
    throw new TypeError(`The statement has ${pieces.length} places for ${values.length} parameters`);
  }
  let text = head;
  for (let index = 0; index < values.length; index++) text += literalOf(values[index]) + pieces[index];
  return text;
}

function literalOf(value: unknown): string {
  if (typeof value === 'string') {
    return NOT_QUOTABLE.test(value) ? `_utf8mb4 ${hexadecimal(Buffer.from(value, 'utf8'))}` : `'${value}'`;
  }
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  if (value === null || value === undefined) return 'NULL';
  if (value instanceof Date) return `'${value.toISOString().slice(0, -1).replace('T', ' ')}'`;
  if (value instanceof Uint8Array) return hexadecimal(value);
  throw new TypeError('A parameter of a statement must be a text, a finite number, a truth, a time, bytes or nothing');
}

const hexadecimal = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  `X'${Buffer.from(buffer, byteOffset, byteLength).toString('hex')}'`;
