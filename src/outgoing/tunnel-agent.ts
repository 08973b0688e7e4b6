import { Agent, type AgentOptions, type RequestOptions } from 'node:https';
import { isIP, type Socket } from 'node:net';
import { type Duplex } from 'node:stream';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { type ProxyAddress } from '../config/proxy-url.js';
import { type Outgoing } from './outgoing.js';
import { openTunnel } from './tunnel.js';

export interface TunnelAgentOptions extends AgentOptions {
  outgoing: Outgoing;
  /** How long the proxy may take. */
  tunnelTimeoutMs: number;
  /**
   * Where the proxy is asked to lead, in the order in which it is tried; without this to the host, whose name it resolves. May
   * refuse by throwing.
   *
   * Without a proxy it is asked about a host that is an address, which no `lookup` ever sees.
   */
  addressesOf?: (host: string) => Promise<readonly string[]>;
}

type Created = (error: Error | null, socket: Duplex) => void;

const tunnelled = new WeakSet<object>();

/** Whether a socket of such an agent leads through the proxy: its remote address is the proxy's. */
export const isTunnelled = (socket: object): boolean => tunnelled.has(socket);

/** Connections of https that go through the proxy where there is one. */
export class TunnelAgent extends Agent {
  private readonly tunnel: Pick<TunnelAgentOptions, 'outgoing' | 'tunnelTimeoutMs' | 'addressesOf'>;

  constructor({ outgoing, tunnelTimeoutMs, addressesOf, ...options }: TunnelAgentOptions) {
    super(options);
    this.tunnel = { outgoing, tunnelTimeoutMs, ...(addressesOf && { addressesOf }) };
  }

  override createConnection(options: RequestOptions, created?: Created): Duplex | null | undefined {
    const host = options.host ?? 'localhost';
    const port = Number(options.port ?? 443);
    const proxy = this.tunnel.outgoing.proxyTo(host, port);
    if (proxy === null) {
      if (isIP(host) === 0 || !this.tunnel.addressesOf) return super.createConnection(options, created);
      void this.direct(host, options, created);
      return undefined;
    }
    void this.secure(proxy, host, port, options, created);
    return undefined;
  }

  /** Tells how it ended, and never rejects. */
  private async direct(address: string, options: RequestOptions, created: Created | undefined): Promise<void> {
    let socket: Duplex | null | undefined;
    try {
      await this.tunnel.addressesOf?.(address);
      socket = super.createConnection(options);
    } catch (error) {
      (created as ((error: unknown) => void) | undefined)?.(error);
      return;
    }
    if (socket) created?.(null, socket);
  }

  /** Tells how it ended, and never rejects. */
  private async secure(
    proxy: ProxyAddress,
    host: string,
    port: number,
    options: RequestOptions,
    created: Created | undefined,
  ): Promise<void> {
    let secured: Duplex;
    try {
      const socket = await this.through(proxy, host, port);
      // The certificate must name the host, not the proxy.
      secured = connectTls({ ...(options as ConnectionOptions), host, socket });
      tunnelled.add(secured);
    } catch (error) {
      // Node ignores the socket when there is an error.
      (created as ((error: unknown) => void) | undefined)?.(error);
      return;
    }
    created?.(null, secured);
  }

  private async through(proxy: ProxyAddress, host: string, port: number): Promise<Socket> {
    const signal = AbortSignal.timeout(this.tunnel.tunnelTimeoutMs);
    const [first = host, ...others] = (await this.tunnel.addressesOf?.(host)) ?? [host];
    let opening = openTunnel(proxy, first, port, signal);
    for (const address of others) opening = opening.catch(() => openTunnel(proxy, address, port, signal));
    return opening;
  }
}
