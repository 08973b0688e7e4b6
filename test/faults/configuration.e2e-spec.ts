import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { apnsError } from '../../gateways/apns.answers.js';
import { serviceAccountJson } from '../../gateways/certificates.js';
import { fcmErrors } from '../../gateways/fcm.answers.js';
import { huaweiAllInvalid } from '../../gateways/huawei.answers.js';
import { DeliveryStatus } from '../../src/delivery/status/delivery-status.js';
import { useServer } from '../support/test-server.js';
import {
  arrival,
  contentsFor,
  forgotten,
  newKnownPhones,
  newPhone,
  newPhones,
  type Provider,
  PROVIDERS,
  proveWell,
  push,
} from './phones.js';
import { sqlite } from './sqlite.js';

describe('a mistake of the operator', () => {
  const suite = useServer(sqlite());

  /** Why the provider is unhealthy, as the health report has it. */
  const trouble = (provider: Provider) =>
    suite.server.app
      .get(DeliveryStatus)
      .providers()
      .find((status) => status.provider === provider)?.trouble;

  const complaints = () => suite.server.log.find('provider is unhealthy');

  /** A few phones get a push each with the mistake, and get it when it is mended. */
  async function expectWaiting(
    provider: Provider,
    mistake: () => void | Promise<void>,
    mend: () => void | Promise<void>,
    says: { reason: string; advice: string },
  ): Promise<void> {
    const phones = await newKnownPhones(suite.server, suite.gateways, provider, 2);
    suite.server.log.lines.length = 0;
    await mistake();
    const sent = await Promise.all(phones.map((phone) => push(suite.server, phone)));
    await vi.waitUntil(() => complaints().length > 0, { timeout: 5000 });
    await sleep(1500);
    expect(complaints()).toHaveLength(1);
    expect(complaints()[0]).toContain(says.reason);
    expect(complaints()[0]).toContain(says.advice);
    expect(trouble(provider)?.reason).toBe(says.reason);
    expect(await forgotten(suite.server, phones)).toEqual([]);
    await mend();
    for (const [index, phone] of phones.entries()) await arrival(suite.gateways, phone, sent[index] ?? '', 10_000);
    await suite.server.idle();
    expect(await forgotten(suite.server, phones)).toEqual([]);
    expect(trouble(provider)).toBeNull();
  }

  const restartWith = (env: Record<string, string>) => () => suite.server.restart(env);
  const restart = () => suite.server.restart();

  it('in the topic keeps tokens and pushes', async () => {
    await expectWaiting('apns', restartWith({ APNS_TOPIC: 'com.example.other' }), restart, {
      reason: 'TopicDisallowed',
      advice: 'check APNS_TOPIC',
    });
  });

  it('in the environment keeps tokens and pushes from the very first', async () => {
    const mark = async () => {
      await restart();
      suite.gateways.apns.faults.all({ kind: 'answer', answer: apnsError('BadDeviceToken') });
    };
    await expectWaiting('apns', mark, () => suite.gateways.apns.faults.clear(), {
      reason: 'BadDeviceToken',
      advice: 'check APNS_ENVIRONMENT',
    });
  });

  it('in the project keeps tokens and pushes: a 404 without FCM’s own detail is no dead token', async () => {
    const { credentials, files, fcm } = suite.gateways;
    const file = join(dirname(files.serviceAccountFile), 'mistyped.json');
    writeFileSync(file, serviceAccountJson({ ...credentials.serviceAccount, projectId: 'mistyped' }, fcm.tokenUri));
    await expectWaiting('fcm', restartWith({ FCM_SERVICE_ACCOUNT_FILE: file }), restart, {
      reason: 'NOT_FOUND',
      advice: 'check the project_id in FCM_SERVICE_ACCOUNT_FILE',
    });
  });

  it('a disabled API keeps tokens and pushes', async () => {
    const disable = () =>
      suite.gateways.fcm.faults.all({ kind: 'answer', answer: fcmErrors.serviceDisabled('stand-in-project') });
    await expectWaiting('fcm', disable, () => suite.gateways.fcm.faults.clear(), {
      reason: 'PERMISSION_DENIED',
      advice: 'enable the Firebase Cloud Messaging API',
    });
  });

  it('a service account of another project keeps tokens and pushes', async () => {
    const mismatch = async () => {
      await restart();
      suite.gateways.fcm.faults.all({ kind: 'answer', answer: fcmErrors.senderIdMismatch() });
    };
    await expectWaiting('fcm', mismatch, () => suite.gateways.fcm.faults.clear(), {
      reason: 'SENDER_ID_MISMATCH',
      advice: 'check FCM_SERVICE_ACCOUNT_FILE',
    });
  });

  it('a missing right at HMS keeps tokens and pushes, also after good times', async () => {
    await proveWell(suite.server, suite.gateways, 'huawei');
    const answer = huaweiAllInvalid({ noRight: ['a token'] });
    const refuse = () => suite.gateways.huawei.faults.all({ kind: 'answer', answer });
    await expectWaiting('huawei', refuse, () => suite.gateways.huawei.faults.clear(), {
      reason: 'Code80300007:noRight',
      advice: 'check HUAWEI_APP_ID',
    });
  });

  it.each(PROVIDERS)(
    'is not suspected at %s because of foreign tokens among good ones, which hold nobody up',
    async (provider) => {
      await proveWell(suite.server, suite.gateways, provider);
      const foreign = await newPhones(suite.server, provider, 8);
      for (const { token } of foreign) markForeign(provider, token);
      const good = await newPhone(suite.server, provider);
      const requests = () => suite.gateways[provider].requests;
      const before = requests().length;
      for (let round = 0; round < 3; round++) {
        await Promise.all(foreign.map((phone) => push(suite.server, phone)));
        await vi.waitUntil(() => requests().length > before, { timeout: 5000 });
        const data = await push(suite.server, good);
        await arrival(suite.gateways, good, data);
      }
      expect(await forgotten(suite.server, foreign)).toEqual([]);
      for (const { token } of foreign) suite.gateways[provider].unmark(token);
      await suite.server.idle();
      for (const phone of foreign) expect(contentsFor(suite.gateways, phone)).toHaveLength(3);
    },
  );

  it.each(['apns', 'fcm'] as const)(
    'is not suspected at %s because of made-up tokens on a quiet server that has just started',
    async (provider) => {
      const [real] = await newKnownPhones(suite.server, suite.gateways, provider, 1);
      await suite.server.restart();
      suite.server.log.lines.length = 0;
      const madeUp = await newPhones(suite.server, provider, 20);
      for (const { token } of madeUp) markForeign(provider, token);
      for (const phone of madeUp) await push(suite.server, phone);
      await vi.waitUntil(() => suite.gateways[provider].requests.length > 40, { timeout: 10_000 });
      expect([complaints(), trouble(provider)]).toEqual([[], null]);
      if (real) await arrival(suite.gateways, real, await push(suite.server, real));
      for (const { token } of madeUp) suite.gateways[provider].unmark(token);
      await suite.server.idle();
    },
  );

  function markForeign(provider: Provider, token: string): void {
    switch (provider) {
      case 'apns':
        return suite.gateways.apns.mark(token, 'other-topic');
      case 'fcm':
        return suite.gateways.fcm.mark(token, 'other-sender');
      case 'huawei':
        return suite.gateways.huawei.mark(token, 'no-right');
    }
  }
});
