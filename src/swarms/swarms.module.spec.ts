import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.js';
import { ChainState, startOxend } from '../../test/support/list-answers.js';
import { parseConfig } from '../config/app-config.js';
import { ClockModule } from '../common/time/clock.module.js';
import { ConfigModule } from '../config/config.module.js';
import { SwarmMonitor } from './watch/swarm-monitor.service.js';
import { SwarmsModule } from './swarms.module.js';
import { type AccountPage, ReportSink, WatchedAccounts } from './watched-accounts.js';

class NoAccounts extends WatchedAccounts {
  placesInUse = () => Promise.resolve([]);
  page = () => Promise.resolve<AccountPage>({ accounts: [], next: null });
  count = () => Promise.resolve(0);
}

class NoSink extends ReportSink {
  message = () => Promise.resolve();
  refused = () => Promise.resolve();
}

let folder: string;
beforeEach(() => {
  Logger.overrideLogger(false);
  folder = mkdtempSync(join(tmpdir(), 'swarms-'));
  writeFileSync(join(folder, 'key'), '07'.repeat(32));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function monitorFor(variables: Record<string, string>): Promise<SwarmMonitor> {
  const module = await Test.createTestingModule({
    imports: [
      ConfigModule.forRoot(
        parseConfig({ SWARM_KEY_FILE: join(folder, 'key'), NODE_LIST_FILE: join(folder, 'list.json'), ...variables }),
      ),
      ClockModule,
      SwarmsModule,
    ],
    providers: [
      SwarmMonitor,
      { provide: WatchedAccounts, useClass: NoAccounts },
      { provide: ReportSink, useClass: NoSink },
    ],
  }).compile();
  return module.get(SwarmMonitor);
}

describe('SwarmsModule', () => {
  it('gives the monitor all but its ports, from the configuration', async () => {
    const chain = new ChainState();
    chain.nodes = [{ key: Buffer.alloc(32, 9), port: 1, swarm: 1n }];
    const oxend = await startOxend(chain, { secure: true });
    const monitor = await monitorFor({ NODE_LIST: `curve://127.0.0.1:${oxend.port}/${oxend.key?.toString('hex')}` });
    await monitor.start();
    await eventually(() => expect(monitor.status().list).toMatchObject({ nodes: 1, origin: 'source' }));
    await monitor.stop();
    expect(existsSync(join(folder, 'list.json'))).toBe(true);
    oxend.stop();
  });

  it('needs no key file without a list of nodes', async () => {
    const monitor = await monitorFor({ SWARM_KEY_FILE: join(folder, 'absent') });
    expect(monitor.status().list.nodes).toBe(0);
    expect(existsSync(join(folder, 'absent'))).toBe(false);
  });

  it('does not start with authorities that are none', async () => {
    writeFileSync(join(folder, 'ca.pem'), 'nonsense');
    const starting = monitorFor({
      NODE_LIST: 'https://127.0.0.1:1/json_rpc',
      NODE_LIST_CA_FILE: join(folder, 'ca.pem'),
    });
    await expect(starting).rejects.toThrow(/^NODE_LIST_CA_FILE \(\/.*\) does not hold PEM certificates/);
  });
});
