import cluster, { type Worker } from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import { onMessageOf, sendToMember } from '../cluster/bus.js';
import { type ClusterMessage } from '../cluster/messages.js';
import { type PinoLogger } from '../common/words/pino-logger.js';
import { type AppConfig } from '../config/app-config.js';
import { announce } from './announce.js';
import { LEADER_ARGUMENT, onListening } from './listening-message.js';
import { onStopSignal } from './on-stop-signal.js';
import { relayQuestions } from '../cluster/question-relay.js';
import { type StartReport } from './start-report.js';

/** A little more than the processes give themselves, and still below the 10 s of a supervisor. */
const KILL_AFTER_MS = 9500;

const FIRST_PAUSE_MS = 200;
const MAX_PAUSE_MS = 10_000;
/** A process that lived this long did not fail at its start. */
const WELL_AFTER_MS = 30_000;

/** A place among the processes; the process in it changes when it dies. */
interface Place {
  readonly leads: boolean;
  readonly onListening: (report: StartReport) => void;
  worker: Worker;
  startedAt: number;
  pauseMs: number;
}

/**
 * Keeps `WORKERS` processes running that share the listener, and does no work itself. The leader starts first: it takes
 * the lock and changes the schema for all.
 */
export class ClusterPrimary {
  private readonly places: Place[] = [];
  private started = false;
  private stopping = false;
  private stopped: Worker[] = [];

  constructor(
    private readonly config: AppConfig,
    private readonly logger: PinoLogger,
  ) {}

  async run(): Promise<void> {
    onStopSignal(
      this.logger,
      () => this.stop(),
      () => this.tellAll('SIGKILL'),
    );
    process.on('SIGHUP', () => this.tellAll('SIGHUP'));
    const report = await this.open(true);
    if (this.stopping) return;
    await Promise.all(Array.from({ length: this.config.workers - 1 }, () => this.open(false)));
    if (this.stopping) return;
    this.started = true;
    const processes = { leader: this.pids(true)[0], followers: this.pids(false) };
    announce(this.logger, this.config, report, processes);
  }

  /** Resolves when a process of a new place listens. */
  private open(leads: boolean): Promise<StartReport> {
    return new Promise((resolve) => {
      const times = { startedAt: Date.now(), pauseMs: FIRST_PAUSE_MS };
      const place: Place = { leads, worker: this.fork(leads), onListening: resolve, ...times };
      this.places.push(place);
      this.watch(place);
    });
  }

  private pids(ofLeader: boolean): (number | undefined)[] {
    return this.places.filter(({ leads }) => leads === ofLeader).map(({ worker }) => worker.process.pid);
  }

  private fork(leads: boolean): Worker {
    cluster.setupPrimary({ args: leads ? [LEADER_ARGUMENT] : [] });
    return cluster.fork();
  }

  private watch(place: Place): void {
    relayQuestions(place.worker);
    onMessageOf(place.worker, 'notification-added', (message) => this.tellLeader(message));
    onMessageOf(place.worker, 'subscribed', (message) => this.tellLeader(message));
    onListening(place.worker, place.onListening);
    place.worker.once('exit', (code: number, signal: NodeJS.Signals | null) => this.ended(place, code, signal));
  }

  private tellLeader(message: ClusterMessage): void {
    sendToMember(this.places.find(({ leads }) => leads)?.worker, message);
  }

  private ended(place: Place, code: number, signal: NodeJS.Signals | null): void {
    if (this.stopping) return this.endWhenAllHave();
    if (!this.started && signal === null) {
      // The process has logged why it could not start. One that a signal ended, for lack of memory for example, has not.
      this.tellAll('SIGKILL');
      process.exit(1);
    }
    this.logger.error({ msg: 'a process ended and is replaced', pid: place.worker.process.pid, code, signal });
    void this.replace(place);
  }

  private async replace(place: Place): Promise<void> {
    const wasWell = Date.now() - place.startedAt > WELL_AFTER_MS;
    place.pauseMs = wasWell ? FIRST_PAUSE_MS : Math.min(place.pauseMs * 2, MAX_PAUSE_MS);
    await sleep(place.pauseMs);
    if (this.stopping) return;
    place.worker = this.fork(place.leads);
    place.startedAt = Date.now();
    this.watch(place);
    const { leads, worker } = place;
    onListening(worker, () => {
      this.logger.log({ msg: 'a process took its place', pid: worker.process.pid, leads });
    });
  }

  private stop(): void {
    this.stopping = true;
    // A process that died before the stop does not count in its exit code.
    this.stopped = this.places.map(({ worker }) => worker).filter((worker) => !worker.isDead());
    this.tellAll('SIGTERM');
    setTimeout(() => {
      this.logger.error('the stop took too long: what is queued stays for the next start');
      this.tellAll('SIGKILL');
      process.exit(1);
    }, KILL_AFTER_MS).unref();
    this.endWhenAllHave();
  }

  private endWhenAllHave(): void {
    if (this.stopped.some((worker) => !worker.isDead())) return;
    // A process that had no handler for signals yet was ended by SIGTERM itself.
    const failed = this.stopped.some(
      ({ process: { exitCode, signalCode } }) => exitCode !== 0 && signalCode !== 'SIGTERM',
    );
    if (!failed) this.logger.log('stopped');
    process.exit(failed ? 1 : 0);
  }

  private tellAll(signal: NodeJS.Signals): void {
    for (const { worker } of this.places) if (!worker.isDead()) worker.process.kill(signal);
  }
}
