import ipaddr from 'ipaddr.js';

/** What is given out of IPv6 for the internet (RFC 4291 §2.4 and IANA's registry of address space). */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * Whether an address belongs to the public internet, not to a network of one's own, this machine or a special range: RFC 6890
 * and the registries that followed it.
 *
 * IPv4 within IPv6 (`::ffff:10.0.0.1`) is looked at as what it is. Ways from IPv6 to IPv4 (NAT64, 6to4, Teredo, the old
 * `::10.0.0.1`) are not public, wherever they lead.
 *
 * @param address one spelling of an IP address; a name is not one
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const found = ipaddr.process(address);
  return found.range() === 'unicast' && (isIPv4(found) || found.match(GLOBAL_UNICAST));
}

const isIPv4 = (address: ipaddr.IPv4 | ipaddr.IPv6): address is ipaddr.IPv4 => address.kind() === 'ipv4';
