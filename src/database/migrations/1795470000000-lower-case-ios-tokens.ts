import { type MigrationInterface, type QueryRunner } from 'typeorm';
import { NoSealing } from '../../sealing/sealing.js';
import { lowerIosTokens } from '../ios-tokens.js';

/**
 * One token of an iPhone in three spellings was three devices, and got three pushes. Those that are sealed need the key:
 * `sealDatabase` does it, when it is told that something is left to be done.
 */
export class LowerCaseIosTokens1795470000000 implements MigrationInterface {
  name = 'LowerCaseIosTokens1795470000000';

  async up(runner: QueryRunner): Promise<void> {
    await lowerIosTokens('plain', new NoSealing(), runner.manager, (work) => work(runner.manager));
    await runner.query('UPDATE sealing SET converting = ?', [1]);
  }

  /** Lower case is a spelling that any version reads. */
  async down(): Promise<void> {}
}
