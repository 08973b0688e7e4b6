import { type Worker } from 'node:cluster';
import { onMessageOf, sendToPrimary } from '../cluster/bus.js';
import { type StartReport } from './start-report.js';

/** Tells a process that it leads; it is its only argument. */
export const LEADER_ARGUMENT = '--leader';

/** Tells the first process that this one accepts requests. */
export function tellListening(report: StartReport): void {
  sendToPrimary({ kind: 'listening', report });
}

/** In the first process. */
export function onListening(member: Worker, listener: (report: StartReport) => void): void {
  onMessageOf(member, 'listening', ({ report }) => listener(report as StartReport));
}
