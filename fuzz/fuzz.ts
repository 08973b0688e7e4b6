import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { besiege, openIdle, SLOW } from '../test/support/load/held-connections.js';
import { residentMb, SMALL_HEAP } from '../test/support/load/resident-memory.js';
import { spawnServer, type SpawnedServer } from '../test/support/spawned-server.js';
import { Bystander } from './bystander.js';
import { hostileBytes } from './hostile-bytes.js';
import { hostileRequest } from './hostile-requests.js';
import { Random } from './random.js';
import { HttpSender, sendBytes } from './senders.js';

export interface FuzzOptions {
  /** Hostile requests in all. */
  readonly requests: number;
  readonly seed: number;
  /** Connections that send nothing, all at once. */
  readonly idleConnections: number;
  /** Connections that never finish what they send. */
  readonly slowConnections: number;
}

export interface FuzzResult {
  readonly sent: number;
  /** `kind status` to number; of a sealed reply the inner status, `none` = the connection was closed. */
  readonly answers: ReadonlyMap<string, number>;
  readonly bystander: { answers: number; p50: number; p99: number; longest: number };
  readonly memory: { startMb: number; underConnectionsMb: number; endMb: number };
  /** How long the server let a request stay unfinished. */
  readonly slowestRequestMs: number;
  /** Empty = all is well. */
  readonly problems: string[];
}

const CONNECTIONS = 16;
/** Of ten hostile requests so many are bytes on a connection of their own. */
const RAW_SHARE = 0.1;
const MAX_GROWTH_MB = 60;
/** pino's number of `error`. */
const ERROR_LEVEL = 50;
/** A request is cut after 20 s, which is looked at every 2 s. */
const UNFINISHED_MS = 24_000;
/** Somebody else's request must not wait for a hostile one; generous, for machines that do other work too. */
const BYSTANDER_P99_MS = 1000;
const BYSTANDER_LONGEST_MS = 8000;

/** Attacks a server of its own; `report` is called now and then with the number of requests sent. */
export async function runFuzz(options: FuzzOptions, report: (sent: number) => void): Promise<FuzzResult> {
  const folder = mkdtempSync(join(tmpdir(), 'spns-fuzz-'));
  const database = `sqlite:${join(folder, 'fuzz.sqlite')}`;
  const server = await spawnServer({ DATABASE_URL: database, ...SMALL_HEAP }, folder);
  try {
    return await attack(server, options, report);
  } finally {
    if (server.process.child.exitCode === null) await server.process.stop('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

async function attack(
  { process: server, onion, start }: SpawnedServer,
  { requests, seed, idleConnections, slowConnections }: FuzzOptions,
  report: (sent: number) => void,
): Promise<FuzzResult> {
  const url = new URL(start.address);
  const pid = server.child.pid ?? 0;
  const answers = new Map<string, number>();
  const problems: string[] = [];
  const bystander = new Bystander(onion);
  let sent = 0;
  const note = (kind: string, status: number | null): void => {
    const key = `${kind} ${status ?? 'none'}`;
    answers.set(key, (answers.get(key) ?? 0) + 1);
    if (status !== null && status >= 500) problems.push(`${kind}: ${status} (request ${sent} of seed ${seed})`);
  };

  const http = new HttpSender(url, CONNECTIONS);
  const assault = async (share: number, random: Random): Promise<void> => {
    for (let count = 0; count < share; count++) {
      report(++sent);
      if (random.chance(RAW_SHARE)) {
        const statuses = await sendBytes(url, hostileBytes(random));
        if (statuses.length === 0) note('bytes', null);
        for (const status of statuses) note('bytes', status);
      } else {
        const hostile = hostileRequest(random, onion.serverPublicKey);
        await http.send(hostile).then(
          (status) => note(hostile.kind, status),
          (error: unknown) => problems.push(`${hostile.kind}: ${error instanceof Error ? error.message : 'failed'}`),
        );
      }
    }
  };
  const shares = Array.from({ length: CONNECTIONS }, (_, index) => Math.ceil((requests - index) / CONNECTIONS));

  const warmUp = Math.min(20, Math.ceil(requests / CONNECTIONS / 10));
  await Promise.all(shares.map((_, index) => assault(warmUp, new Random(seed + index))));
  const startMb = residentMb(pid);
  const siege = besiege(url, slowConnections, Object.keys(SLOW), UNFINISHED_MS + 10_000);
  const idle = await openIdle(url, idleConnections);
  const underConnectionsMb = residentMb(pid);
  await Promise.all(shares.map((share, index) => assault(share - warmUp, new Random(seed + 1000 + index))));
  idle.close();
  const { longestMs, statuses } = await siege;
  http.close();
  await bystander.stop();
  const endMb = residentMb(pid);
  const { exitCode, signalCode } = server.child;
  const exit = await server.stop();

  for (const status of statuses) note('unfinished', status);
  const quantiles = { p50: bystander.quantile(0.5), p99: bystander.quantile(0.99), longest: bystander.quantile(1) };
  const failures: [boolean, string][] = [
    [exitCode !== null || signalCode !== null, `the server ended with ${exitCode ?? signalCode}`],
    [exit.code !== 0, `SIGTERM ended with ${exit.code ?? exit.signal}`],
    [exit.stderr !== '', exit.stderr],
    [longestMs > UNFINISHED_MS, `a request stayed unfinished for ${Math.round(longestMs)} ms`],
    [endMb - startMb > MAX_GROWTH_MB, `memory grew from ${startMb} to ${endMb} MB`],
    [quantiles.p99 > BYSTANDER_P99_MS, `a well-behaved client waited ${Math.round(quantiles.p99)} ms (p99)`],
    [quantiles.longest > BYSTANDER_LONGEST_MS, `a well-behaved client waited ${Math.round(quantiles.longest)} ms`],
  ];
  const errors = server.log.filter(({ level }) => Number(level) >= ERROR_LEVEL);
  return {
    sent,
    answers,
    bystander: { answers: bystander.answers, ...quantiles },
    memory: { startMb, underConnectionsMb, endMb },
    slowestRequestMs: longestMs,
    problems: [
      ...failures.flatMap(([failed, what]) => (failed ? [what] : [])),
      ...errors.map((line) => `logged ${JSON.stringify(line)}`),
      ...bystander.problems,
      ...problems,
    ],
  };
}
