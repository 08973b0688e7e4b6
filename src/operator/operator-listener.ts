import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, type onRequestHookHandler } from 'fastify';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { ConnectionLimit } from '../common/bounds/connection-limit.js';
import { AppConfig, type OperatorConfig } from '../config/app-config.js';
import { type Door, DOORS_OF_A_ROUTE } from './doors.js';

/** A handful of people, a Prometheus and a supervisor. */
const CONNECTIONS = { max: 200, keepAliveMs: 75_000, shortKeepAliveMs: 5000 };
const REQUEST_TIMEOUT_MS = 20_000;
const HEADERS_TIMEOUT_MS = 10_000;
const CLOSE_CONNECTIONS_AFTER_MS = 1000;

/** What a browser must not do with an answer of the operator's: guess its type, keep it, or show it to other pages. */
const HEADERS = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'cross-origin-resource-policy': 'same-origin',
};

/** The operator's listener cannot listen. The message is for the operator. */
class OperatorListenerError extends Error {
  override readonly name = 'OperatorListenerError';
}

/**
 * The listener for the operator. With `OPERATOR_PORT` the operator's endpoints are served there, and answer 404 on the public
 * port; both listeners serve the same application. Without it everything is on the public port.
 */
@Injectable()
export class OperatorListener implements OnModuleInit {
  private readonly server: Server | null;
  private readonly arrived = new WeakSet<IncomingMessage>();

  constructor(
    private readonly config: AppConfig,
    private readonly host: HttpAdapterHost,
  ) {
    this.server = config.operator && this.makeServer();
  }

  /** Null = there is none, or it does not listen yet. */
  get address(): string | null {
    const address = this.server?.address();
    if (!this.config.operator || typeof address !== 'object' || address === null) return null;
    return urlOf(this.config.operator.host, address.port);
  }

  /** Through which door a request came; null = there is only one. */
  doorOf(request: Pick<FastifyRequest, 'raw'>): Door | null {
    if (!this.server) return null;
    return this.arrived.has(request.raw) ? 'operator' : 'public';
  }

  /**
   * Before the application adds its routes. A route that is not the operator's is left alone when there is one door: onion
   * requests, which are most, pay nothing for what concerns the operator.
   */
  guardRoutesOf(fastify: FastifyInstance): void {
    fastify.addHook('onRoute', (route) => {
      const doors = route.config?.doors ?? DOORS_OF_A_ROUTE;
      if (!this.server && !doors.includes('operator')) return;
      const guard: onRequestHookHandler = (request, reply, done) => {
        if (this.turnsAway(request, reply, doors)) reply.callNotFound();
        else done();
      };
      route.onRequest = [route.onRequest ?? [], guard].flat();
    });
    if (!this.server) return;
    fastify.addHook('onRequest', (request, reply, done) => {
      if (request.is404 && this.doorOf(request) === 'operator') void reply.headers(HEADERS);
      done();
    });
  }

  onModuleInit(): void {
    const { operator } = this.config;
    const { server } = this;
    // The command line uses features without listening to anybody.
    if (!this.host.httpAdapter || !operator || !server) return;
    const { fastify } = this;
    // After this hook the application answers; before, it would not know all of its routes.
    fastify.addHook('onReady', () => listen(server, operator));
    fastify.addHook('preClose', () => close(server));
  }

  private get fastify(): FastifyInstance {
    return this.host.httpAdapter.getInstance<FastifyInstance>();
  }

  private makeServer(): Server {
    const server = createServer(
      { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: HEADERS_TIMEOUT_MS, connectionsCheckingInterval: 2000 },
      (request, response) => {
        this.arrived.add(request);
        this.fastify.routing(request, response);
      },
    );
    ConnectionLimit.apply(server, CONNECTIONS);
    return server;
  }

  /** Says whether the request came through the wrong door; an answer of the operator's gets its headers. */
  private turnsAway(request: FastifyRequest, reply: FastifyReply, doors: readonly Door[]): boolean {
    const door = this.doorOf(request);
    if (door === 'operator' || doors.includes('operator')) void reply.headers(HEADERS);
    return door !== null && !doors.includes(door);
  }
}

async function listen(server: Server, { host, port }: OperatorConfig): Promise<void> {
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
    throw new OperatorListenerError(
      `the operator's listener cannot listen at ${urlOf(host, port)} (${code}), check OPERATOR_HOST and OPERATOR_PORT`,
      { cause },
    );
  }
}

/** Requests under way are answered; a client that does not take its answer is cut off after a second. */
async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  const timer = setTimeout(() => server.closeAllConnections(), CLOSE_CONNECTIONS_AFTER_MS);
  await closed;
  clearTimeout(timer);
}

const urlOf = (host: string, port: number): string => `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
