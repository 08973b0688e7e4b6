import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { type ApnsGateway } from './apns.gateway.js';
import {
  blockSchema,
  clearSchema,
  endpointSchema,
  faultSchema,
  markSchema,
  NODE_ORDERS,
  nodesSchema,
  PROXY_MODES,
  storeSchema,
  unmarkSchema,
} from './control.schemas.js';
import { type FcmGateway } from './fcm.gateway.js';
import { type HuaweiGateway } from './huawei.gateway.js';
import { type WebPushGateway } from './webpush.gateway.js';
import { type Member, type SwarmNetwork } from './swarm/network.js';

const HELP = `Controls the stand-ins: JSON in, JSON out.

GET    /nodes   the storage nodes
POST   /nodes   {"do": "stop", "key": "..."}; without a key, all of them
                a node:  ${NODE_ORDERS.join(', ')}
                its line: ${PROXY_MODES.join(', ')}
POST   /store   {"account": "05...", "namespace": 0, "data": "<base64>"}
POST   /block   {}, a new block without a change
POST   /tokens  {"provider": "apns", "token": "...", "state": "dead"}
DELETE /tokens  {"provider": "apns", "token": "..."}
POST   /faults  {"provider": "fcm", "fault": {"kind": "delay", "delayMs": 500}, "next": 3}
                without "next", every request; with "token", those for this token
DELETE /faults  {"provider": "fcm"}
POST   /endpoints {"applicationServerKey": "..."}, what "vapid" of /services says: a phone without Google,
                its endpoint and keys are a service_info
`;

/** What is controlled. */
export interface Controlled {
  readonly apns: ApnsGateway;
  readonly fcm: FcmGateway;
  readonly huawei: HuaweiGateway;
  readonly webpush: WebPushGateway;
  readonly network: SwarmNetwork;
}

class UsageError extends Error {}

type Route = (body: unknown) => object | Promise<object>;

/** An HTTP port on the loopback by which people and other processes make the stand-ins behave well or badly. */
export class Control {
  private readonly server: Server;
  private readonly routes: ReadonlyMap<string, Route>;

  constructor(private readonly controlled: Controlled) {
    this.server = createServer((request, response) => void this.serve(request, response));
    this.routes = new Map<string, Route>([
      ['GET /nodes', () => ({ nodes: this.controlled.network.members.map(describeMember) })],
      ['POST /nodes', (body) => this.orderNodes(nodesSchema.parse(body))],
      ['POST /store', (body) => this.store(storeSchema.parse(body))],
      ['POST /block', (body) => this.newBlock(blockSchema.parse(body))],
      ['POST /tokens', (body) => this.mark(markSchema.parse(body))],
      ['DELETE /tokens', (body) => this.unmark(unmarkSchema.parse(body))],
      ['POST /endpoints', (body) => this.makeEndpoint(endpointSchema.parse(body))],
      ['POST /faults', (body) => this.fault(faultSchema.parse(body))],
      ['DELETE /faults', (body) => this.clearFaults(clearSchema.parse(body))],
    ]);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** 0 = any free one. */
  async listen(port = 0): Promise<void> {
    this.server.listen(port, '127.0.0.1');
    await once(this.server, 'listening');
  }

  async close(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    if (method === 'GET' && url === '/') return void response.end(HELP);
    const route = this.routes.get(`${method} ${url}`);
    if (!route) return respond(response, 404, { error: `${method} ${url} is not one of these:\n\n${HELP}` });
    try {
      const body = await text(request);
      respond(response, 200, await route(body === '' ? {} : JSON.parse(body)));
    } catch (error) {
      if (error instanceof z.ZodError) return respond(response, 400, { error: z.prettifyError(error) });
      if (error instanceof SyntaxError) return respond(response, 400, { error: `not JSON: ${error.message}` });
      if (error instanceof UsageError) return respond(response, 400, { error: error.message });
      throw error;
    }
  }

  private async orderNodes({ do: order, key }: z.infer<typeof nodesSchema>): Promise<object> {
    const { network } = this.controlled;
    const members = key === undefined ? network.members : [network.memberWithKey(key.toLowerCase())];
    for (const member of members) {
      if (!member) throw new UsageError('no node has this key');
      await orderMember(member, order);
    }
    return { done: members.length };
  }

  private async store({ account, namespace, data, ...details }: z.infer<typeof storeSchema>): Promise<object> {
    const { network } = this.controlled;
    const id = Buffer.from(account, 'hex');
    const hash = await network.store(id, namespace, Buffer.from(data, 'base64'), details);
    return { hash, swarm: network.chain.swarmOf(id)?.toString(16), members: network.membersOf(id).length };
  }

  private newBlock(_nothing: object): object {
    const { network } = this.controlled;
    network.newBlock();
    return { height: network.chain.block.height };
  }

  private mark(order: z.infer<typeof markSchema>): object {
    const { token, retryAfterSeconds } = order;
    const details = { retryAfterSeconds };
    switch (order.provider) {
      case 'apns':
        this.controlled.apns.mark(token, order.state, details);
        break;
      case 'fcm':
        this.controlled.fcm.mark(token, order.state, details);
        break;
      case 'huawei':
        this.controlled.huawei.mark(token, order.state, details);
        break;
      case 'webpush':
        this.controlled.webpush.mark(token, order.state, details);
        break;
    }
    return { done: 1 };
  }

  private makeEndpoint({ applicationServerKey }: z.infer<typeof endpointSchema>): object {
    return this.controlled.webpush.subscribe(applicationServerKey);
  }

  private unmark({ provider, token }: z.infer<typeof unmarkSchema>): object {
    this.controlled[provider].unmark(token);
    return { done: 1 };
  }

  private fault({ provider, fault, token, next }: z.infer<typeof faultSchema>): object {
    const { faults } = this.controlled[provider];
    if (token !== undefined) faults.forToken(token, fault, next);
    else if (next === undefined) faults.all(fault);
    else faults.next(next, fault);
    return { done: 1 };
  }

  private clearFaults({ provider }: z.infer<typeof clearSchema>): object {
    this.controlled[provider].faults.clear();
    return { done: 1 };
  }
}

export async function startControl(controlled: Controlled, port?: number): Promise<Control> {
  const control = new Control(controlled);
  await control.listen(port);
  return control;
}

function orderMember({ node, proxy }: Member, order: z.infer<typeof nodesSchema>['do']): void | Promise<void> {
  switch (order) {
    case 'stop':
      return node.stop();
    case 'start':
      return node.running ? undefined : node.start();
    case 'restart':
      return node.restart();
    case 'freeze':
      return node.listener.freeze();
    case 'thaw':
      return node.listener.thaw();
    case 'cut':
      return proxy.cut();
    case 'catch-up':
      return node.catchUp();
    case 'pass':
    case 'single-bytes':
    case 'frozen':
    case 'half-open':
    case 'no-zeromq':
    case 'refuse':
      return proxy.be(order);
  }
}

function describeMember({ node, proxy }: Member): object {
  return {
    key: node.keys.x25519.toString('hex'),
    port: proxy.port,
    swarm: node.listed?.swarmId.toString(16) ?? null,
    running: node.running,
    lines: node.listener.lines.length,
    accounts: node.subscriptions.accounts.length,
  };
}

function respond(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}
