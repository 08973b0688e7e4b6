// The whole server, as compiled, whose worker takes nothing from the queue: what it uses is what accepting costs.
import type { AddressInfo } from 'node:net';

type AppFactory = typeof import('../../src/app.factory.js');
type AppConfigFile = typeof import('../../src/config/app-config.js');
type HeapFile = typeof import('../../src/server/heap.js');
type PinoLoggerFile = typeof import('../../src/common/pino-logger.js');

const compiled = <Module>(path: string): Promise<Module> => import(new URL(`../../dist/${path}`, import.meta.url).href);
const { createApp } = await compiled<AppFactory>('app.factory.js');
const { loadConfig } = await compiled<AppConfigFile>('config/app-config.js');
const { keepHeapSmall } = await compiled<HeapFile>('server/heap.js');
const { PinoLogger } = await compiled<PinoLoggerFile>('common/pino-logger.js');

keepHeapSmall();
const app = await createApp(loadConfig(), { logger: PinoLogger.create('error'), tuning: { maxOpenNotifications: 0 } });
await app.listen(0, '127.0.0.1');
process.on('disconnect', () => process.exit());
process.send?.({ port: (app.getHttpServer().address() as AddressInfo).port });
