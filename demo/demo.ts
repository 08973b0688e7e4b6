import { parseArgs } from 'node:util';
import { DemoError } from './cast.js';
import { Narrator } from './narrator.js';
import { setStage, type Stage } from './stage.js';
import { type Cast, play } from './story.js';
import { playToday } from './todays-story.js';

const HELP = `Plays two stories, of today's API and of the legacy one, through the built server, stand-in push services and a
stand-in network, and checks every push.

  npm run demo [-- --keep]

  --keep  leaves everything running until Ctrl-C, and says how to send more
  --help  this text
`;

const { values } = parseArgs({ options: { keep: { type: 'boolean' }, help: { type: 'boolean' } } });
if (values.help) process.stdout.write(HELP);
else process.exitCode = await run(values.keep ?? false);

async function run(keep: boolean): Promise<number> {
  const narrator = new Narrator();
  const interrupted = untilSignal();
  let isOver = false;
  let stage: Stage | undefined;
  try {
    // The story shows its pushes itself, in order.
    stage = await setStage((provider, push) => void (isOver && narrator.push(provider, push)));
    introduce(stage, narrator);
    const cast = await Promise.race([playBoth(stage, narrator), interrupted.then(() => giveUp('it was interrupted'))]);
    isOver = true;
    narrator.line('\nEverything arrived as it should.');
    if (keep) {
      await cast.ben.send('register', { pubKey: cast.ben.id, token: cast.ben.token });
      invite(stage, cast, narrator);
      await Promise.race([interrupted, stage.process.exit]);
    }
    return 0;
  } catch (error) {
    narrator.bad(error instanceof DemoError ? error.message : String(error));
    if (stage) narrator.detail(stage.process.stdout + stage.process.stderr);
    return 1;
  } finally {
    await stage?.clear();
  }
}

/** Today's API first: the legacy one has no caller any more but old apps and forks. */
async function playBoth(stage: Stage, narrator: Narrator): Promise<Cast> {
  narrator.line("\nToday's API");
  await playToday(stage, narrator);
  narrator.line('\nThe legacy API');
  return play(stage, narrator);
}

function introduce({ start, environment, process: server }: Stage, narrator: Narrator): void {
  narrator.line(`The server runs: node dist/main.js, process ${server.child.pid}, in a folder of its own, with`);
  for (const [name, value] of Object.entries(environment)) {
    narrator.detail(`${name}=${name.endsWith('SECRET') ? '...' : value}`);
  }
  narrator.line('It says');
  narrator.detail(`address:    ${start.address}\npublic key: ${start.publicKey}`);
}

function invite({ start, operator }: Stage, { anna, ben, chen, group }: Cast, narrator: Narrator): void {
  const send = (recipient: string) =>
    `npm run cli -- send notify '{"send_to":"${recipient}","data":"hello"}' --url ${start.address} --public-key ${start.publicKey}`;
  narrator.line('\nEverything keeps running until Ctrl-C. Send more from another terminal; the pushes show up here.');
  narrator.line(`To Anna's iPhone:\n  ${send(anna.id)}`);
  narrator.line(`To Ben's Android phone:\n  ${send(ben.id)}`);
  narrator.line(`To Chen's Huawei phone:\n  ${send(chen.id)}`);
  narrator.line(`To the group:\n  ${send(group)}`);
  narrator.line(
    `The statistics page: ${start.address}/statistics, user ${operator.name}, password ${operator.password}`,
  );
}

/** Ends with the first signal. Listening for it keeps it from ending us before everything is cleared away. */
function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}

function giveUp(because: string): never {
  throw new DemoError(because);
}
