import { type ProxyConfig } from '../config/app-config.js';
import { isException, type ProxyAddress } from '../config/proxy-url.js';

/** How TLS connections to others leave this machine: directly, or through the proxy that is configured. */
export class Outgoing {
  constructor(private readonly proxy: ProxyConfig | null) {}

  /** The proxy that leads to a host; null = it is reached directly. */
  proxyTo(host: string, port: number): ProxyAddress | null {
    return this.proxy === null || isException(this.proxy.exceptions, host, port) ? null : this.proxy;
  }
}

export const DIRECTLY = new Outgoing(null);
