import { table } from './dom.js';
import { formatAge, formatCount } from './format.js';

/** @typedef {NonNullable<import('../dto/server-status.dto.js').ServerStatus['network']>} Network */

/** @type {Record<string, string>} */
const ORIGINS = { source: 'from a source', nodes: 'from the nodes themselves', file: 'from the file of the last run' };

/**
 * @param {HTMLElement} place
 * @param {Network} network
 */
export function showNetwork(place, { nodes, swarms, accounts, reports, list }) {
  place.replaceChildren(
    table(
      'How the storage network is watched',
      ['What', 'Figures'],
      [
        [
          'Accounts',
          `${figure(accounts.full)} watched by all nodes, ${figure(accounts.partial)} by some, ${figure(accounts.none)} by none`,
        ],
        [
          'Nodes',
          `${figure(nodes.known)} known, ${figure(nodes.wanted)} wanted: ${figure(nodes.connected)} connected, ${figure(nodes.failing)} failing, ${figure(nodes.aside)} set aside`,
        ],
        [
          'Swarms',
          `${figure(swarms.known)} known, ${figure(swarms.used)} with accounts${swarms.uncounted > 0 ? `, ${figure(swarms.uncounted)} of them not told yet` : ''}`,
        ],
        [
          'Reports',
          `${reports.perSecond} a second; ${figure(reports.taken)} taken, ${figure(reports.copies)} duplicates, ${figure(reports.late)} late, ${figure(reports.tooBig)} too big, ${figure(reports.others)} dropped`,
        ],
        [
          'List of nodes',
          list.ageSeconds === null
            ? 'not known yet'
            : `${formatAge(list.ageSeconds)} old, ${ORIGINS[list.origin ?? ''] ?? ''}`,
        ],
      ],
    ),
  );
}

const figure = formatCount;
