/** @typedef {import('../dto/server-status.dto.js').ServerStatus} ServerStatus */
/** @typedef {import('../dto/statistics-data.dto.js').StatisticsData} StatisticsData */

const TIMEOUT_MS = 15_000;
const MOST_TRIES = 8;

/** The server answered, and not with what was asked for. */
export class RefusedRequest extends Error {
  /** @param {number} status */
  constructor(status) {
    super(`HTTP ${status}`);
    this.status = status;
  }
}

/** Nothing came back, or nothing that can be read. */
export class NoAnswer extends Error {}

/**
 * @param {string} path relative to the page, so that a proxy may put the server below any path
 * @returns {Promise<unknown>}
 */
async function getJson(path) {
  try {
    const response = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!response.ok) throw new RefusedRequest(response.status);
    return await response.json();
  } catch (cause) {
    throw cause instanceof RefusedRequest ? cause : new NoAnswer('no answer', { cause });
  }
}

/**
 * Asks until a process answers that delivers: the others know nothing about providers, and close the connection so that
 * the next one may lead elsewhere.
 *
 * @returns {Promise<ServerStatus>}
 */
export async function getStatus() {
  let tries = 0;
  for (;;) {
    const status = /** @type {ServerStatus} */ (await getJson('statistics/status'));
    const { delivers, role, processes } = status.instance;
    tries += 1;
    if (delivers || role === 'api' || tries >= Math.min(2 * processes, MOST_TRIES)) return status;
  }
}

/**
 * @param {{ from?: number, to?: number }} range UTC epoch milliseconds; absent = no bound
 * @returns {Promise<StatisticsData>}
 */
export async function getTraffic({ from, to }) {
  const query = new URLSearchParams();
  if (from !== undefined) query.set('from', String(from));
  if (to !== undefined) query.set('to', String(to));
  return /** @type {StatisticsData} */ (await getJson(`statistics/data?${query}`));
}
