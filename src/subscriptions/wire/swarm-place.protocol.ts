/**
 * Where an account lies among the swarms, as far as its upper 16 bits tell: the four big-endian 64-bit words of its key, the
 * prefix left out, combined by exclusive or. A swarm keeps the accounts of a range of these 64-bit numbers, so those of a
 * range of places hold all of its accounts and few others.
 *
 * @param account 33 bytes
 */
export function swarmPlaceOf(account: Buffer): number {
  return account.readUInt16BE(1) ^ account.readUInt16BE(9) ^ account.readUInt16BE(17) ^ account.readUInt16BE(25);
}
