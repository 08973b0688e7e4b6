import cluster, { type Worker } from 'node:cluster';
import { isAnswer, isQuestion, type PassedQuestion } from './messages.js';

/** In the first process: passes a member's questions on to all members, itself included, and their answers back. */
export function relayQuestions(member: Worker): void {
  member.on('message', (message: unknown) => {
    if (isQuestion(message)) {
      const everybody = Object.values(cluster.workers ?? {}).filter((worker) => worker?.isConnected());
      const passed: PassedQuestion = { ...message, from: member.id, of: everybody.length };
      for (const worker of everybody) worker?.send(passed, () => undefined);
    } else if (isAnswer(message)) {
      const asker = cluster.workers?.[message.to];
      if (asker?.isConnected()) asker.send(message, () => undefined);
    }
  });
}
