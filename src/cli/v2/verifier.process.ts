/**
 * Judges the time and the signature of subscriptions in a thread of its own: it costs a tenth of a millisecond or two for
 * each, and a large database has millions of them.
 */
import { parentPort } from 'node:worker_threads';
import { refusalOfSubscribe } from '../../subscriptions/registry/item-checks.js';
import { isSignedAsExpected } from '../../subscriptions/wire/signatures.protocol.js';
import { type Answer, type Question, wishesOf } from './questions.js';

parentPort?.on('message', (question: Question | null) => {
  if (!question) return parentPort?.close();
  const answer: Answer = wishesOf(question).map(
    (wish) => refusalOfSubscribe(wish, question.now, isSignedAsExpected)?.message ?? null,
  );
  parentPort?.postMessage(answer, []);
});
