// Whether package.json's `engines` take this Node.js, asked before anything is built or loaded that needs a newer one.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** @param {string} version as in `process.versions.node` */
export function isSupportedNode(version) {
  const { engines } = JSON.parse(
    readFileSync(join(import.meta.dirname ?? folderOf(import.meta.url), '../package.json'), 'utf8'),
  );
  const numbers = partsOf(version);
  return engines.node.split('||').some((range) => {
    const [, sign, least] = /^\s*(\^|>=)(\S+)\s*$/.exec(range);
    return !isBelow(numbers, partsOf(least)) && (sign === '>=' || numbers[0] === partsOf(least)[0]);
  });
}

const partsOf = (version) => version.split('.').map(Number);

function isBelow(one, other) {
  const index = one.findIndex((part, at) => part !== other[at]);
  return index >= 0 && one[index] < other[index];
}

/** Node.js 18 knows no `import.meta.dirname`. */
function folderOf(url) {
  return decodeURIComponent(new URL('.', url).pathname);
}
