import { OPERATOR } from './test-server.js';

export interface StatisticsRow {
  start_date?: string;
  end_date?: string;
  ios_pn_number?: number;
  android_pn_number?: number;
  total_message_number?: number;
  closed_group_message_number?: number;
  untracked_message_number?: number;
  deduplicated_1_1_message_number?: number;
}

interface StatisticsJson {
  code: number;
  data: {
    android_device_number: number;
    ios_device_number: number;
    total_session_id_number: number;
    data: StatisticsRow[];
  };
}

export const basicAuth = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

/**
 * Asks as the operator does. A text is sent as it is, anything else as JSON, undefined as no body.
 *
 * @param authorization null = without the header
 */
export async function askStatistics(
  url: string,
  body?: unknown,
  authorization: string | null = basicAuth(OPERATOR.username, OPERATOR.password),
) {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`${url}/get_statistics_data`, {
    method: 'POST',
    headers: authorization === null ? {} : { authorization },
    ...(text === undefined ? {} : { body: text }),
  });
  const answer = await response.text();
  const { status, headers } = response;
  return { status, headers, text: answer, json: (status === 200 ? JSON.parse(answer) : {}) as StatisticsJson };
}
