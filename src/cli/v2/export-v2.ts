import { DataSource } from 'typeorm';
import { type Sealing } from '../../sealing/sealing.js';
import { SUBSCRIPTION_SECONDS } from '../../subscriptions/registry/item-checks.js';
import {
  namespacesOf,
  openColumn,
  openCredentials,
  type SubscriptionKey,
} from '../../subscriptions/registry/stored-subscription.js';
import { type Credentials } from '../../subscriptions/wire/credentials.protocol.js';
import { type V2Columns, type V2Database } from './v2-database.js';
import { isV2Service } from './v2-rows.js';

const PAGE_ROWS = 2000;

export interface ExportV2Report {
  subscriptions: number;
  /** Of a service that the existing server does not know. */
  otherServices: number;
  /** What our database says of them cannot be read. */
  damaged: number;
}

interface Row extends SubscriptionKey {
  readonly namespaces: string;
  readonly wants_data: number;
  readonly sig_ts: number | string;
  readonly credentials: Buffer;
  readonly enc_key: Buffer;
}

interface Opened extends Credentials {
  readonly row: Row;
  readonly account: Buffer;
  readonly token: string;
  readonly encKey: Buffer;
}

/** Writes all subscriptions that are not over into a database that the existing push server starts on, or nothing. */
export function exportV2(
  dataSource: DataSource,
  sealing: Sealing,
  target: V2Database,
  onRows: (rows: number) => void,
): Promise<ExportV2Report> {
  return target.writing(async () => {
    await target.makeEmpty();
    const report: ExportV2Report = { subscriptions: 0, otherServices: 0, damaged: 0 };
    for await (const page of pagesOf(dataSource, Math.floor(Date.now() / 1000) - SUBSCRIPTION_SECONDS)) {
      const known = page.filter(({ service }) => isV2Service(service));
      const opened = known.flatMap((row) => open(sealing, row) ?? []);
      if (opened.length > 0) {
        const namespaces = opened.map(({ row }) => namespacesOf(row.namespaces));
        await target.add(report.subscriptions + 1, columnsOf(opened), namespaces);
      }
      report.subscriptions += opened.length;
      report.otherServices += page.length - known.length;
      report.damaged += known.length - opened.length;
      onRows(page.length);
    }
    await target.lastId(report.subscriptions);
    return report;
  });
}

/** Page by page, each page asked for by the last row of the one before. */
async function* pagesOf(dataSource: DataSource, over: number): AsyncGenerator<readonly Row[]> {
  let last = { account: '', service: '', token: '' };
  for (;;) {
    const page = await dataSource.query<Row[]>(
      `SELECT account, service, token, namespaces, wants_data, sig_ts, credentials, enc_key FROM subscriptions
        WHERE account >= ? AND (account > ? OR service > ? OR (service = ? AND token > ?)) AND sig_ts > ?
        ORDER BY account, service, token LIMIT ${PAGE_ROWS}`,
      [last.account, last.account, last.service, last.service, last.token, over],
    );
    const end = page.at(-1);
    if (!end) return;
    yield page;
    last = end;
  }
}

/** Null = it is damaged. */
function open(sealing: Sealing, row: Row): Opened | null {
  const account = sealing.openAccount(row.account);
  const token = sealing.open(row.token);
  const credentials = openCredentials(sealing, row, row.credentials);
  const encKey = openColumn(sealing, row, 'enc_key', row.enc_key);
  if (account === null || token === null || !credentials || !encKey) return null;
  return { row, account: Buffer.from(account, 'hex'), token, encKey, ...credentials };
}

function columnsOf(opened: readonly Opened[]): V2Columns {
  return [
    opened.map(({ account }) => account),
    opened.map(({ sessionEd25519 }) => sessionEd25519),
    opened.map(({ subaccount }) => subaccount && subaccount.tag),
    opened.map(({ subaccount }) => subaccount && subaccount.signature),
    opened.map(({ signature }) => signature),
    opened.map(({ row }) => Number(row.sig_ts)),
    opened.map(({ row }) => Boolean(row.wants_data)),
    opened.map(({ encKey }) => encKey),
    opened.map(({ row }) => row.service),
    opened.map(({ token }) => token),
  ];
}
