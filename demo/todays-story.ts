import { setTimeout as sleep } from 'node:timers/promises';
import { type Account, newGroup, newMember, newSessionId } from '../test/support/subscribing-phone.js';
import { DemoError } from './cast.js';
import { type Narrator } from './narrator.js';
import { type Stage } from './stage.js';
import { Subscriber } from './subscriber.js';

/** Longer than a report takes to its gateway. */
const A_WHILE_MS = 500;

/** What is stored for a person, and for a group. */
const MESSAGES = 0;
const GROUP_MESSAGES = 11;

const TOO_BIG_BYTES = 5000;

/** Today's API: phones subscribe, the network reports what it stores. Throws a {@link DemoError} when something goes wrong. */
export async function playToday(stage: Stage, narrator: Narrator): Promise<void> {
  const { network } = stage;
  const iphone = new Subscriber("Eva's iPhone", 'apns', stage, narrator);
  const android = new Subscriber("Finn's Android phone", 'firebase', stage, narrator);
  const phones = [iphone, android];
  const [eva, finn, gina, group] = [newSessionId(), newSessionId(), newSessionId(), newGroup()];

  const store = async (account: Account, namespace: number, data: Buffer): Promise<void> => {
    const bytes = Buffer.from(account.id, 'hex');
    narrator.step(`a message of ${data.length} bytes is stored for ${account.id.slice(0, 8)}...`);
    await network.store(bytes, namespace, data);
    narrator.detail(`${network.membersOf(bytes).length} nodes keep it, and each of them reports it`);
  };
  const opens = async (phone: Subscriber, text: string): Promise<void> => {
    const { data } = await phone.wakes();
    if (data?.toString() !== text) throw new DemoError(`${phone.name} opened something else`);
    narrator.good(`${phone.name} opens it with its own key: ${JSON.stringify(text)}`);
  };
  const nothingElse = async (what: string): Promise<void> => {
    await sleep(A_WHILE_MS);
    for (const { name, surprises } of phones) {
      if (surprises > 0) throw new DemoError(`${name} got ${surprises} pushes too many`);
    }
    narrator.good(what);
  };

  narrator.chapter(`Two phones subscribe at a network of ${network.chain.block.nodes.length} nodes in three swarms`);
  await iphone.subscribe(eva, [MESSAGES], 'signed by her Session id');
  await android.subscribe(finn, [MESSAGES], 'signed by his Session id');
  await iphone.subscribe(group, [GROUP_MESSAGES], 'signed by the group, whose admin she is');
  await android.subscribe(newMember(group), [GROUP_MESSAGES], "signed by a member's subaccount");

  narrator.chapter('A message is stored for each of them');
  await store(eva, MESSAGES, Buffer.from('Hello Eva'));
  await opens(iphone, 'Hello Eva');
  await store(finn, MESSAGES, Buffer.from('Hello Finn'));
  await opens(android, 'Hello Finn');
  await nothingElse('each was woken once, although every node of the swarm reported the message');

  narrator.chapter('A message is stored for their group');
  await store(group, GROUP_MESSAGES, Buffer.from('Hello all'));
  await opens(iphone, 'Hello all');
  await opens(android, 'Hello all');

  narrator.chapter('A phone without Google subscribes, and a message is stored for it');
  const free = await Subscriber.withoutGoogle("Gina's phone without Google", stage, narrator);
  phones.push(free);
  await free.subscribe(gina, [MESSAGES], 'signed by her Session id');
  await store(gina, MESSAGES, Buffer.from('Hello Gina'));
  await opens(free, 'Hello Gina');
  await nothingElse('the push server that she chose could open neither of the two envelopes');

  narrator.chapter('A message that is larger than a push');
  await store(finn, MESSAGES, Buffer.alloc(TOO_BIG_BYTES));
  const { data, metadata } = await android.wakes();
  if (data !== null || metadata['B'] !== true)
    throw new DemoError('the phone was not told that the message is too big');
  narrator.good(`Finn's phone is told that there is one of ${TOO_BIG_BYTES} bytes, and fetches it`);

  narrator.chapter('Finn unsubscribes from the group');
  await android.unsubscribe(newMember(group));
  await store(group, GROUP_MESSAGES, Buffer.from('Without Finn'));
  await opens(iphone, 'Without Finn');
  await nothingElse('his phone sleeps on');
}
