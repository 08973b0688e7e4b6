// The whole server, as compiled, whose worker takes nothing from the queue: what it uses is what accepting costs.
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import type { AddressInfo } from 'node:net';

type AppFactory = typeof import('../../src/app.factory.js');
type AppModuleFile = typeof import('../../src/app.module.js');
type TuningFile = typeof import('../../src/delivery/delivery-tuning.js');
type AppConfigFile = typeof import('../../src/config/app-config.js');
type HeapFile = typeof import('../../src/server/heap.js');
type PinoLoggerFile = typeof import('../../src/common/words/pino-logger.js');

const compiled = <Module>(path: string): Promise<Module> => import(new URL(`../../dist/${path}`, import.meta.url).href);
const { NEST_OPTIONS, openAdapter, prepare } = await compiled<AppFactory>('app.factory.js');
const { AppModule } = await compiled<AppModuleFile>('app.module.js');
const { DEFAULT_DELIVERY_TUNING, DeliveryTuning } = await compiled<TuningFile>('delivery/delivery-tuning.js');
const { loadConfig } = await compiled<AppConfigFile>('config/app-config.js');
const { keepHeapSmall } = await compiled<HeapFile>('server/heap.js');
const { PinoLogger } = await compiled<PinoLoggerFile>('common/words/pino-logger.js');

keepHeapSmall();
const module = await Test.createTestingModule({ imports: [await AppModule.forRoot(loadConfig())] })
  .overrideProvider(DeliveryTuning)
  .useValue({ ...DEFAULT_DELIVERY_TUNING, maxOpenNotifications: 0 })
  .compile();
const logger = PinoLogger.create('error');
const app = prepare(module.createNestApplication<NestFastifyApplication>(openAdapter(), { ...NEST_OPTIONS, logger }));
await app.listen(0, '127.0.0.1');
process.on('disconnect', () => process.exit());
process.send?.({ port: (app.getHttpServer().address() as AddressInfo).port });
