import { randomBytes, randomInt } from 'node:crypto';
import { type JsonObject } from '../../src/encoding/json.js';
import { type ReplyContext, sealRequest } from '../../src/onion/protocol/onion-client.js';
import {
  dataOf,
  deviceCountOf,
  devicesOf,
  groupIdOf,
  membersOf,
  type Population,
  sessionIdOf,
} from '../database/population.js';
import { newSessionId, subscribeRequest } from '../../test/support/subscribing-phone.js';
import { encodePost } from './http-connection.js';
import { type LoadOrder, type RequestShape } from './load-orders.js';

/** What today's apps ask for. */
const NAMESPACES = [0, 2, 3, 4, 5];

export interface PreparedRequest {
  readonly bytes: Buffer;
  readonly context: ReplyContext;
  readonly pushes: number;
}

interface Content {
  readonly endpoint: string;
  readonly args: JsonObject;
  readonly pushes: number;
}

/** Seals all requests of a round, each with a fresh key as the apps do. */
export function makeRequests(order: Extract<LoadOrder, { kind: 'prepare' }>): PreparedRequest[] {
  const serverPublicKey = Buffer.from(order.serverPublicKey);
  return Array.from({ length: order.count }, (_, index) => {
    const shape = shapeAt(order.shapes, index);
    const { endpoint, args, pushes } = contentOf(shape, order.population, order.firstSequence + index);
    const { version, encType } = shape;
    const { path, body, context } = sealRequest({ version, encType, serverPublicKey, endpoint, args });
    return { bytes: encodePost(path, body), context, pushes };
  });
}

function contentOf({ command }: RequestShape, population: Population, sequence: number): Content {
  switch (command) {
    case 'notify': {
      const id = randomInt(population.ids);
      const args = { send_to: sessionIdOf(id), data: dataOf(sequence) };
      return { endpoint: 'notify', args, pushes: deviceCountOf(id) };
    }
    case 'notify-group': {
      const group = randomInt(population.groups);
      const pushes = membersOf(group, population).reduce((sum, id) => sum + deviceCountOf(id), 0);
      return { endpoint: 'notify', args: { send_to: groupIdOf(group), data: dataOf(sequence) }, pushes };
    }
    case 'register': {
      const pubKey = `05${randomBytes(32).toString('hex')}`;
      return registration(pubKey, randomBytes(32).toString('hex'), 'ios');
    }
    case 'refresh': {
      const id = randomInt(population.ids);
      const [device] = devicesOf(id);
      if (!device) throw new Error('an id has no device');
      return registration(sessionIdOf(id), device.token, device.platform);
    }
    case 'subscribe': {
      const args = subscribeRequest(newSessionId(), { namespaces: NAMESPACES });
      return { endpoint: '/subscribe', args, pushes: 0 };
    }
  }
}

const registration = (pubKey: string, token: string, device: string): Content => ({
  endpoint: 'register',
  args: { token, pubKey, device },
  pushes: 0,
});

function shapeAt(shapes: readonly RequestShape[], index: number): RequestShape {
  const shape = shapes[index % shapes.length];
  if (!shape) throw new Error('there are no shapes to make requests of');
  return shape;
}
