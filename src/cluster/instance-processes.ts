import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import cluster from 'node:cluster';
import { randomUUID } from 'node:crypto';
import { onMessage, sendToPrimary } from './bus.js';
import { type ClusterAnswer, type PassedQuestion } from './messages.js';
import { describeError } from '../common/words/describe-error.js';

/** A process that is too busy to answer by then is left out. */
const WAIT_MS = 2000;

type Give = () => unknown;

interface Asked {
  answers: unknown[];
  done: () => void;
}

/**
 * Lets the processes of one instance (`WORKERS`) ask each other: one of them gets the operator's request, and the answer is
 * about all. A process that is alone asks itself.
 */
@Injectable()
export class InstanceProcesses implements OnApplicationShutdown {
  private readonly logger = new Logger(InstanceProcesses.name);
  private readonly topics = new Map<string, Give>();
  private readonly asked = new Map<string, Asked>();
  private readonly stopListening = [
    onMessage('passed-question', (question) => void this.reply(question)),
    onMessage('answer', (answer) => this.take(answer)),
  ];

  onApplicationShutdown(): void {
    for (const stop of this.stopListening) stop();
  }

  /** @param give what this process says about the topic: something that JSON can carry */
  answer(topic: string, give: Give): void {
    this.topics.set(topic, give);
  }

  /** What every process says about the topic, in no order; those that cannot tell are left out. */
  async ask<T>(topic: string): Promise<T[]> {
    if (!cluster.isWorker) return [(await this.topics.get(topic)?.()) as T];
    const id = randomUUID();
    const asked: Asked = { answers: [], done: () => undefined };
    const complete = new Promise<void>((resolve) => (asked.done = resolve));
    const timer = setTimeout(asked.done, WAIT_MS);
    this.asked.set(id, asked);
    sendToPrimary({ kind: 'question', id, topic });
    await complete;
    clearTimeout(timer);
    this.asked.delete(id);
    return asked.answers.filter((value) => value !== null) as T[];
  }

  private async reply({ id, topic, from, of }: PassedQuestion): Promise<void> {
    sendToPrimary({ kind: 'answer', id, to: from, of, value: await this.give(topic) });
  }

  private async give(topic: string): Promise<unknown> {
    try {
      return (await this.topics.get(topic)?.()) ?? null;
    } catch (error) {
      this.logger.warn({
        msg: 'a question of another process could not be answered',
        topic,
        error: describeError(error),
      });
      return null;
    }
  }

  private take({ id, of, value }: ClusterAnswer): void {
    const asked = this.asked.get(id);
    asked?.answers.push(value);
    if (asked?.answers.length === of) asked.done();
  }
}
