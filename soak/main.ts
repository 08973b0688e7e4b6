import { parseArgs } from 'node:util';
import { printProgress, printResult } from './report.js';
import { runSoak } from './soak.js';

const HELP = `Runs the built server under a mixed load with faults and says what became of it.

  npm run soak -- --minutes 5

  --minutes N      how long the load lasts (default 5)
  --database KIND  sqlite (default) or mariadb, a private one (mariadb-server must be installed)
  --pause MS       longest pause of each of 20 clients between two requests (default 20)
  --help           this text

People register, move, leave, follow groups and notify, and others write to phones that subscribed in a stand-in network:
through APNs, FCM and HMS, and phones without Google through three Web Push servers. Meanwhile push services come and go,
Web Push servers answer 503 and 429 or nothing, and give up endpoints with 404 and 410, whose phones subscribe again with
new ones; nodes stop, freeze and are cut off, the server is ended with SIGTERM and SIGKILL and started again, and
malformed requests arrive. One swarm's nodes are left alone, and all of them have to report each message; with 75 minutes or more
the last restart is early, so that they would have forgotten what the server does not tell them again. The last third goes without restarts: in it memory is compared, and every message that a node
reported has to arrive, at each phone so that the phone can open it.
Exits with 1 when an acknowledged change or notification is lost, a push comes twice that was not in flight at a restart
or when a push service went away, a request is answered with 5xx or an inner 500, the server logs an error, or its memory
grows by more than 70 MB.
`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    database: { type: 'string', default: 'sqlite' },
    pause: { type: 'string', default: '20' },
    help: { type: 'boolean' },
  },
});
const [minutes, pauseMs] = [Number(values.minutes), Number(values.pause)];
const { database } = values;

if (values.help) {
  process.stdout.write(HELP);
} else if (!(minutes > 0) || !(pauseMs >= 0) || (database !== 'sqlite' && database !== 'mariadb')) {
  process.stderr.write(HELP);
  process.exitCode = 2;
} else {
  const result = await runSoak({ minutes, pauseMs, database }, printProgress);
  printResult(result);
  process.exitCode = result.problems.length === 0 ? 0 : 1;
}
