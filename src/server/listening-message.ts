import { type StartReport } from './start-report.js';

/** Tells a process that it leads; it is its only argument. */
export const LEADER_ARGUMENT = '--leader';

/** What a process tells the first one when it listens. */
export interface Listening {
  kind: 'listening';
  report: StartReport;
}

export const isListening = (message: unknown): message is Listening =>
  typeof message === 'object' && message !== null && 'kind' in message && message.kind === 'listening';
