import { vi } from 'vitest';
import { type ReceivedPush } from '../../gateways/recorder.js';
import { type Provider as AnyProvider, type TestGateways } from '../support/gateways.js';
import { newAndroidToken, newData, newHuaweiToken, newId, newIosToken } from '../support/people.js';
import { type TestServer } from '../support/test-server.js';

/** Those that the legacy API reaches. */
export type Provider = Exclude<AnyProvider, 'webpush'>;

/** Those with a stand-in here. */
export const PROVIDERS: readonly Provider[] = ['apns', 'fcm', 'huawei'];

const NEW_TOKEN = { apns: newIosToken, fcm: newAndroidToken, huawei: newHuaweiToken };
const DEVICE = { apns: 'ios', fcm: 'android', huawei: 'huawei' };

/** A phone of somebody who has only this one. */
export interface Phone {
  readonly provider: Provider;
  readonly id: string;
  readonly token: string;
}

export async function newPhone(server: TestServer, provider: Provider): Promise<Phone> {
  const phone = { provider, id: newId(), token: NEW_TOKEN[provider]() };
  await register(server, phone);
  return phone;
}

export function newPhones(server: TestServer, provider: Provider, count: number): Promise<Phone[]> {
  return Promise.all(Array.from({ length: count }, () => newPhone(server, provider)));
}

/** Phones that their provider accepted a push for, and that are known for it: only they can tell about the settings. */
export async function newKnownPhones(
  server: TestServer,
  gateways: TestGateways,
  provider: Provider,
  count: number,
): Promise<Phone[]> {
  const phones = await newPhones(server, provider, count);
  const sent = await Promise.all(phones.map((phone) => push(server, phone)));
  for (const [index, phone] of phones.entries()) await arrival(gateways, phone, sent[index] ?? '');
  for (const { token } of phones) {
    await vi.waitUntil(async () => (await server.device(token))?.acceptedAt, { timeout: 5000 });
  }
  return phones;
}

/** Another phone of the same person. */
export async function addPhone(server: TestServer, { id }: { id: string }, provider: Provider): Promise<Phone> {
  const phone = { provider, id, token: NEW_TOKEN[provider]() };
  await register(server, phone);
  return phone;
}

export function register(server: TestServer, { provider, id, token }: Phone): Promise<void> {
  return server.register(id, token, DEVICE[provider]);
}

/** Sends a push to the phone's owner; returns its content. */
export async function push(server: TestServer, { id }: { id: string }): Promise<string> {
  const data = newData();
  await server.notify(id, data);
  return data;
}

/** A push that the provider takes: it works with us, so its word about one token counts. */
export async function proveWell(server: TestServer, gateways: TestGateways, provider: Provider): Promise<void> {
  const phone = await newPhone(server, provider);
  const data = await push(server, phone);
  await arrival(gateways, phone, data);
}

/** The pushes of one gateway, as of any gateway. */
export const receivedBy = (gateways: TestGateways, provider: Provider): readonly ReceivedPush[] =>
  gateways[provider].received;

/** Ends when the provider has taken this content for the phone; null = one without content. */
export function arrival(
  gateways: TestGateways,
  { provider, token }: Phone,
  data: string | null,
  timeoutMs = 5000,
): Promise<ReceivedPush> {
  const find = () =>
    receivedBy(gateways, provider).find((received) => received.token === token && contentOf(received) === data);
  return vi.waitUntil(find, { timeout: timeoutMs, interval: 10 });
}

/** What the phone is given to decrypt; null = it is woken without content. */
export function contentOf({ body }: ReceivedPush): string | null {
  const fields = body as { ENCRYPTED_DATA?: string; message?: { data?: string | Record<string, string> } };
  const data = fields.message?.data;
  if (typeof data === 'string') return data.startsWith('{') ? null : data;
  return fields.ENCRYPTED_DATA ?? data?.['ENCRYPTED_DATA'] ?? null;
}

/** The contents that a phone was given, in order. */
export const contentsFor = (gateways: TestGateways, { provider, token }: Phone): (string | null)[] =>
  receivedBy(gateways, provider)
    .filter((received) => received.token === token)
    .map(contentOf);

/** Those of the phones whose tokens are not registered any more. */
export async function forgotten(server: TestServer, phones: readonly Phone[]): Promise<Phone[]> {
  const found = await Promise.all(phones.map(async (phone) => ((await server.device(phone.token)) ? [] : [phone])));
  return found.flat();
}
