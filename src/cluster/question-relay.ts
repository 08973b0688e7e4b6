import cluster, { type Worker } from 'node:cluster';
import { onMessageOf, sendToMember } from './bus.js';

/** In the first process: passes a member's questions on to all members, itself included, and their answers back. */
export function relayQuestions(member: Worker): void {
  onMessageOf(member, 'question', ({ id, topic }) => {
    const everybody = Object.values(cluster.workers ?? {}).filter((worker) => worker?.isConnected());
    for (const worker of everybody) {
      sendToMember(worker, { kind: 'passed-question', id, topic, from: member.id, of: everybody.length });
    }
  });
  onMessageOf(member, 'answer', (answer) => sendToMember(cluster.workers?.[answer.to], answer));
}
