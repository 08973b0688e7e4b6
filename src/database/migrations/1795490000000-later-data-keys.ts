import { type MigrationInterface, type QueryRunner } from 'typeorm';
import { generationOfCheck } from '../../sealing/sealing.protocol.js';
import { resizeToken } from './resize-token.js';

const TABLES_OF_TOKENS = ['devices', 'suspect_tokens', 'subscriptions'];

/** Room for the mark of a later data key, which is a character longer than that of the first. */
export class LaterDataKeys1795490000000 implements MigrationInterface {
  name = 'LaterDataKeys1795490000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const table of TABLES_OF_TOKENS) await resizeToken(runner, table, 1421);
  }

  async down(runner: QueryRunner): Promise<void> {
    const states = (await runner.query('SELECT key_check FROM sealing')) as { key_check: string }[];
    if (states.some((state) => generationOfCheck(state.key_check) > 1))
      throw new Error('Ids and tokens are sealed with a later data key, which an older version cannot read.');
    for (const table of TABLES_OF_TOKENS) await resizeToken(runner, table, 1420);
  }
}
