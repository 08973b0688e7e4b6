import { type Alert, topicOf } from './alert.js';

interface Topic {
  passed: number;
  held: Alert | null;
  leftOut: number;
}

/**
 * Lets a few alerts of one topic through in a window and holds back what follows. When the window ends, the newest that
 * was held goes out, so that what the operator heard last is how things are.
 */
export class AlertLimiter {
  private readonly topics = new Map<string, Topic>();
  private readonly timers = new Set<NodeJS.Timeout>();

  /** @param send gets each alert that may go and how many of its topic were left out before it */
  constructor(
    private readonly send: (alert: Alert, leftOut: number) => void,
    private readonly limits: { windowMs: number; maxPerWindow: number },
  ) {}

  offer(alert: Alert): void {
    const name = topicOf(alert);
    const topic = this.topics.get(name) ?? this.open(name);
    if (topic.passed < this.limits.maxPerWindow) {
      topic.passed++;
      this.send(alert, 0);
      return;
    }
    if (topic.held) topic.leftOut++;
    topic.held = alert;
  }

  /** What is held is not sent any more. */
  stop(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }

  private open(name: string): Topic {
    const topic: Topic = { passed: 0, held: null, leftOut: 0 };
    this.topics.set(name, topic);
    const timer = setTimeout(() => this.close(name, topic, timer), this.limits.windowMs).unref();
    this.timers.add(timer);
    return topic;
  }

  private close(name: string, { held, leftOut }: Topic, timer: NodeJS.Timeout): void {
    this.timers.delete(timer);
    this.topics.delete(name);
    if (!held) return;
    // It opens the next window: a topic that does not calm down is told about once per window.
    this.open(name).passed = this.limits.maxPerWindow;
    this.send(held, leftOut);
  }
}
