import { type PoolConnection, type RowDataPacket } from 'mysql2';

/**
 * What a session does is not left to the server's own `sql_mode`: values that do not fit are refused, not cut, and `"`,
 * `||` and `''` mean what they mean by default.
 */
const SESSION_MODE = ['STRICT_TRANS_TABLES', 'NO_ENGINE_SUBSTITUTION'] as const;

/** The database, or a proxy before it, does not let a session have its own `sql_mode`. The message is for the operator. */
class SessionModeError extends Error {
  override readonly name = 'SessionModeError';
  readonly code = 'SESSION_MODE';
  constructor() {
    super(
      `The database does not keep the sql_mode that its session was given (${SESSION_MODE.join(',')}). A proxy between ` +
        'must leave sql_mode to each session.',
    );
  }
}

/**
 * Gives a new connection the mode that all statements are written for, and looks whether it has it.
 *
 * @throws SessionModeError
 */
export async function setSessionMode(connection: PoolConnection): Promise<void> {
  const session = connection.promise();
  await session.query(`SET SESSION sql_mode = '${SESSION_MODE.join(',')}'`);
  const [rows] = await session.query<RowDataPacket[]>('SELECT @@SESSION.sql_mode AS mode');
  const modes = String(rows[0]?.['mode']).split(',');
  if (modes.toSorted().join() !== SESSION_MODE.toSorted().join()) throw new SessionModeError();
}
