// Reads the diagram of docs/architecture.md, which says who may import whom among the folders of src.
const { readFileSync } = require('node:fs');
const path = require('node:path');

const PAGE = path.join(__dirname, '../docs/architecture.md');
const MERMAID = /^```mermaid\n([^]*?)^```$/m;
/** `a & b --> c`, or `a -. label .-> b`: of b, only the files that the label stands for. */
const ARROW = /^([\w &-]+?) (?:-->|-\. (\w+) \.->) ([\w &-]+)$/;

/** @typedef {{ from: string, to: string, only?: string }} Arrow */

/** @returns {{ arrows: Arrow[], foundation: string[] }} the foundation is what every other folder may use */
function readDiagram() {
  const lines = MERMAID.exec(readFileSync(PAGE, 'utf8'))?.[1].split('\n') ?? [];
  const arrows = [];
  const foundation = new Set();
  let inFoundation = false;
  for (const line of lines.map((text) => text.trim())) {
    if (line.startsWith('subgraph ')) inFoundation = true;
    else if (line === 'end') inFoundation = false;
    else if (line !== '' && line !== 'flowchart TD') {
      const drawn = arrowsOf(line);
      arrows.push(...drawn);
      if (inFoundation) for (const { from, to } of drawn) foundation.add(from).add(to);
    }
  }
  return { arrows, foundation: [...foundation] };
}

/** @returns {Arrow[]} */
function arrowsOf(line) {
  const [, from, only, to] = ARROW.exec(line) ?? [];
  if (from === undefined) throw new Error(`docs/architecture.md: the diagram has a line that is no arrow: ${line}`);
  const drawn = from.split(' & ').flatMap((one) => to.split(' & ').map((other) => ({ from: one, to: other })));
  return only === undefined ? drawn : drawn.map((arrow) => ({ ...arrow, only }));
}

module.exports = { readDiagram };
