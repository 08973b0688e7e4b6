import { startApnsGateway } from '../../gateways/apns.gateway.js';
import { makeCredentials, writeCredentials } from '../../gateways/certificates.js';
import { gatewayEnvironment } from '../../gateways/environment.js';
import { startFcmGateway } from '../../gateways/fcm.gateway.js';
import { startHuaweiGateway } from '../../gateways/huawei.gateway.js';
import { startWebPushGateway } from '../../gateways/webpush.gateway.js';
import { takeOrders } from '../child-orders.js';
import { sequenceOf } from '../database/population.js';
import { numberOf } from '../database/subscribers.js';
import { monotonicMs } from '../measure/clock.js';
import { type Arrivals, type GatewayOrder, type GatewayProgress, type GatewaysReady } from './gateway-orders.js';

const [folder = '', latencyMs = '0'] = process.argv.slice(2);

let firstSequence = 0;
let firstPushAt = new Float64Array();
let pushes = 0;
let lastPushAt = 0;

function note(sequence: number | undefined): void {
  pushes++;
  lastPushAt = monotonicMs();
  if (sequence === undefined) return;
  const index = sequence - firstSequence;
  if (Number.isNaN(firstPushAt[index])) firstPushAt[index] = lastPushAt;
}

const credentials = await makeCredentials();
const common = { credentials, record: false, latencyMs: Number(latencyMs) };
const ofLegacy = (data: unknown): number | undefined => (typeof data === 'string' ? sequenceOf(data) : undefined);
const apns = await startApnsGateway({ ...common, onPush: ({ body }) => note(ofLegacy(body['ENCRYPTED_DATA'])) });
const fcm = await startFcmGateway({
  ...common,
  onPush: ({ body: { message } }) =>
    note(message.data?.['spns'] ? numberOf(message.token ?? '') : ofLegacy(message.data?.['ENCRYPTED_DATA'])),
});
const huawei = await startHuaweiGateway({ ...common, onPush: ({ body }) => note(ofLegacy(body.message.data)) });
const webpush = await startWebPushGateway(common);
const files = writeCredentials(folder, credentials, fcm.tokenUri);

const ready: GatewaysReady = { environment: gatewayEnvironment(files, { apns, fcm, huawei, webpush }) };
takeOrders(ready, (message): GatewayProgress | Arrivals => {
  const order = message as GatewayOrder;
  switch (order.kind) {
    case 'expect':
      ({ firstSequence } = order);
      firstPushAt = new Float64Array(order.count).fill(NaN);
      pushes = 0;
      return { pushes, lastPushAt };
    case 'progress':
      return { pushes, lastPushAt };
    case 'arrivals':
      return { firstPushAt };
  }
});
