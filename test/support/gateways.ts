import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ApnsGateway, startApnsGateway } from '../../gateways/apns.gateway.js';
import {
  type CredentialFiles,
  type Credentials,
  makeCredentials,
  writeCredentials,
} from '../../gateways/certificates.js';
import { gatewayEnvironment } from '../../gateways/environment.js';
import { type FcmGateway, startFcmGateway } from '../../gateways/fcm.gateway.js';
import { type FaultPlan } from '../../gateways/faults.js';
import { type HuaweiGateway, startHuaweiGateway } from '../../gateways/huawei.gateway.js';
import { startWebPushGateway, type WebPushGateway } from '../../gateways/webpush.gateway.js';
import { type Counts, type ReceivedPush, type RecordedRequest } from '../../gateways/recorder.js';

export type Provider = 'apns' | 'fcm' | 'huawei' | 'webpush';

/** What can be done with each of them. */
export interface AnyGateway {
  readonly url: string;
  readonly faults: FaultPlan;
  readonly received: readonly ReceivedPush[];
  readonly requests: readonly RecordedRequest[];
  readonly counts: Readonly<Counts>;
  waitForPush(wanted: number, timeoutMs?: number): Promise<ReceivedPush[]>;
  stopListening(): Promise<void>;
  listenAgain(): Promise<void>;
}

export interface TestGateways {
  readonly all: readonly AnyGateway[];
  /** Those that push to devices of the legacy API. */
  readonly legacy: readonly AnyGateway[];
  readonly apns: ApnsGateway;
  readonly fcm: FcmGateway;
  readonly huawei: HuaweiGateway;
  readonly webpush: WebPushGateway;
  /** What the gateways know; the files hold the server's half of it. */
  readonly credentials: Credentials;
  readonly files: CredentialFiles;
  /** The variables that lead a server to them. */
  readonly environment: Readonly<Record<string, string>>;
  reset(): Promise<void>;
  close(): Promise<void>;
}

/** The stand-in push services, with credentials of their own unless they are given some. */
export async function startGateways(
  known?: Credentials,
  onPush?: (provider: Provider, push: ReceivedPush) => void,
): Promise<TestGateways> {
  const folder = mkdtempSync(join(tmpdir(), 'spns-gateways-'));
  const credentials = known ?? (await makeCredentials());
  const apns = await startApnsGateway({ credentials, onPush: (push) => onPush?.('apns', push) });
  const fcm = await startFcmGateway({ credentials, onPush: (push) => onPush?.('fcm', push) });
  const huawei = await startHuaweiGateway({ credentials, onPush: (push) => onPush?.('huawei', push) });
  const webpush = await startWebPushGateway({ credentials, onPush: (push) => onPush?.('webpush', push) });
  const files = writeCredentials(folder, credentials, fcm.tokenUri);
  const all = [apns, fcm, huawei, webpush];
  return {
    all,
    legacy: [apns, fcm, huawei],
    apns,
    fcm,
    huawei,
    webpush,
    credentials,
    files,
    environment: gatewayEnvironment(files, { apns, fcm, huawei, webpush }),
    reset: async () => void (await Promise.all(all.map((gateway) => gateway.reset()))),
    close: async () => {
      await Promise.all(all.map((gateway) => gateway.close()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
