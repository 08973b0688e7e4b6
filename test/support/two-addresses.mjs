// For `node --import`: localhost has an address of either family, as hosts of the internet have. At the first one are the far
// links (`far-door.ts`), at the second one nobody.
import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';

const { lookup } = dns;
const ADDRESSES = [
  { address: '127.0.0.3', family: 4 },
  { address: '::1', family: 6 },
];

dns.lookup = (name, options, done) => {
  if (name !== 'localhost' || typeof options !== 'object' || !options.all) return lookup(name, options, done);
  process.nextTick(done, null, ADDRESSES);
};
syncBuiltinESMExports();
