import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startApnsGateway } from '../../../gateways/apns.gateway.js';
import { makeCredentials, writeCredentials } from '../../../gateways/certificates.js';
import { gatewayEnvironment } from '../../../gateways/environment.js';
import { startFcmGateway } from '../../../gateways/fcm.gateway.js';
import { startHuaweiGateway } from '../../../gateways/huawei.gateway.js';
import { type ReceivedPush } from '../../../gateways/recorder.js';
import { type DeliveryLedger } from './delivery-ledger.js';

export interface CountedGateways {
  readonly all: readonly { stopListening(): Promise<void>; listenAgain(): Promise<void> }[];
  /** The variables that lead a server to them. */
  readonly environment: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** The three stand-in push services, which tell the ledger what they take and keep nothing themselves. */
export async function startCountedGateways(ledger: DeliveryLedger): Promise<CountedGateways> {
  const folder = mkdtempSync(join(tmpdir(), 'spns-gateways-'));
  const credentials = await makeCredentials();
  const onPush = ({ token, rawBody }: ReceivedPush): void => ledger.received(rawBody.toString(), token);
  const options = { credentials, record: false, onPush };
  const apns = await startApnsGateway(options);
  const fcm = await startFcmGateway(options);
  const huawei = await startHuaweiGateway(options);
  const all = [apns, fcm, huawei];
  const files = writeCredentials(folder, credentials, fcm.tokenUri);
  return {
    all,
    environment: gatewayEnvironment(files, { apns, fcm, huawei }),
    close: async () => {
      await Promise.all(all.map((gateway) => gateway.close()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
