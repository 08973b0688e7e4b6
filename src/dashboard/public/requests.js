/** @typedef {import('../dto/server-status.dto.js').ServerStatus} ServerStatus */
/** @typedef {import('../dto/statistics-data.dto.js').StatisticsData} StatisticsData */

const TIMEOUT_MS = 15_000;

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

/** @returns {Promise<ServerStatus>} */
export async function getStatus() {
  return /** @type {ServerStatus} */ (await getJson('statistics/status'));
}

/**
 * @param {{ from?: number, to?: number }} range UTC epoch milliseconds; absent = no bound
 * @param {'period' | 'hour'} by
 * @returns {Promise<StatisticsData>}
 */
export async function getTraffic({ from, to }, by) {
  const query = new URLSearchParams({ by });
  if (from !== undefined) query.set('from', String(from));
  if (to !== undefined) query.set('to', String(to));
  return /** @type {StatisticsData} */ (await getJson(`statistics/data?${query}`));
}
