import { setTimeout as sleep } from 'node:timers/promises';
import { newData, newId } from '../test/support/people.js';
import { App, DemoError, Phone } from './cast.js';
import { type Narrator } from './narrator.js';
import { type Stage } from './stage.js';

/** Longer than an accepted notification takes to its gateway. */
const A_WHILE_MS = 500;

export interface Cast {
  readonly anna: Phone;
  readonly ben: Phone;
  readonly chen: Phone;
  readonly group: string;
}

/** Plays everything that a Session app asks of a push server; throws a {@link DemoError} when something goes wrong. */
export async function play(stage: Stage, narrator: Narrator): Promise<Cast> {
  const anna = new Phone("Anna's iPhone", 'apns', stage, narrator, { version: 'v4', encType: 'xchacha20' });
  const ben = new Phone("Ben's Android phone", 'fcm', stage, narrator, { version: 'v2', encType: 'aes-gcm' });
  const chen = new Phone("Chen's Huawei phone", 'huawei', stage, narrator, { version: 'v4', encType: 'aes-gcm' });
  const desktop = new App("Dora's desktop", stage, narrator, { version: 'v4', encType: 'aes-gcm' });
  const phones = [anna, ben, chen];
  const group = newId();

  const arrives = async (phone: Phone, data: string | null): Promise<void> => {
    const push = await phone.nextPush();
    narrator.push(phone.provider, push);
    const raw = push.rawBody.toString();
    if (data !== null && !raw.includes(JSON.stringify(data))) throw new DemoError(`${phone.name} got other content`);
    if (data === null && raw.includes('ENCRYPTED_DATA'))
      throw new DemoError(`${phone.name} got content that does not fit`);
    narrator.good(
      `${phone.name} is awake${data === null ? ', without the content' : ' and has the content, untouched'}`,
    );
  };
  const nothingElse = async (what: string): Promise<void> => {
    await sleep(A_WHILE_MS);
    for (const phone of phones) {
      if (phone.surprises > 0) throw new DemoError(`${phone.name} got ${phone.surprises} pushes too many`);
    }
    narrator.good(what);
  };

  narrator.chapter('Three phones register');
  await anna.send('register', { pubKey: anna.id, token: anna.token, device: 'ios' });
  // Apps of before 2022 do not say what they run on.
  await ben.send('register', { pubKey: ben.id, token: ben.token });
  await chen.send('register', { pubKey: chen.id, token: chen.token, device: 'huawei' });

  narrator.chapter('Dora writes to each of them');
  for (const phone of phones) {
    const data = newData();
    await desktop.send('notify', { send_to: phone.id, data });
    await arrives(phone, data);
  }

  narrator.chapter('They join a closed group, and Dora writes to it');
  for (const phone of phones) {
    await phone.send('subscribe_closed_group', { closedGroupPublicKey: group, pubKey: phone.id });
  }
  const greeting = newData();
  await desktop.send('notify', { send_to: group, data: greeting });
  for (const phone of phones) await arrives(phone, greeting);

  narrator.chapter('An answer gets lost on the way, so the same request comes again');
  const repeated = newData();
  for (let time = 0; time < 3; time++) await desktop.send('notify', { send_to: anna.id, data: repeated });
  await arrives(anna, repeated);
  await nothingElse('it was pushed once');

  narrator.chapter('A message that is larger than APNs carries');
  await desktop.send('notify', { send_to: anna.id, data: newData(6000) });
  await arrives(anna, null);

  narrator.chapter('Ben unregisters, and Chen leaves the group');
  await ben.send('unregister', { token: ben.token });
  await chen.send('unsubscribe_closed_group', { closedGroupPublicKey: group, pubKey: chen.id });
  await desktop.send('notify', { send_to: ben.id, data: newData() });
  const farewell = newData();
  await desktop.send('notify', { send_to: group, data: farewell });
  await arrives(anna, farewell);
  await nothingElse('nobody else was woken; the answers did not tell who is registered');

  return { anna, ben, chen, group };
}
