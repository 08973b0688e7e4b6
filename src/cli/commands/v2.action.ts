import { DataSource } from 'typeorm';
import { withLargeCache } from '../../database/large-cache.js';
import { Sealing } from '../../sealing/sealing.js';
import { SubscriptionsService } from '../../subscriptions/subscriptions.service.js';
import { formatCount, print, printJson } from '../output.js';
import { ProgressBar } from '../progress-bar.js';
import { writerOf } from '../rolled-back-writer.js';
import { describeImport } from '../v2/describe-import-v2.js';
import { exportV2, type ExportV2Report } from '../v2/export-v2.js';
import { importV2, type ImportV2Report } from '../v2/import-v2.js';
import { V2Database } from '../v2/v2-database.js';
import { Verifiers } from '../v2/verifiers.js';
import { withDatabase } from '../with-database.js';
import { withoutServer } from '../without-server.js';

export interface ImportCommandOptions {
  dryRun?: boolean;
  json?: boolean;
}

export interface ExportCommandOptions {
  json?: boolean;
}

export async function importDatabase(address: string, { dryRun = false, json }: ImportCommandOptions): Promise<void> {
  const report = await withV2(address, (source) => runImport(source, dryRun));
  if (json) printJson(report);
  else print(describeImport(report));
}

export async function exportDatabase(address: string, { json }: ExportCommandOptions): Promise<void> {
  const report = await withV2(address, runExport);
  if (json) return printJson(report);
  print(`Exported ${formatCount(report.subscriptions)} subscriptions.`);
  if (report.otherServices > 0)
    print(`Left out: ${formatCount(report.otherServices)} of services that it does not know.`);
  if (report.damaged > 0) print(`Left out: ${formatCount(report.damaged)} that are damaged.`);
}

async function withV2<T>(address: string, work: (database: V2Database) => Promise<T>): Promise<T> {
  const database = await V2Database.open(address);
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

function runImport(source: V2Database, dryRun: boolean): Promise<ImportV2Report> {
  return withDatabase(async (app) => {
    const dataSource = app.get(DataSource);
    const verifiers = new Verifiers();
    try {
      return await source.reading(async () => {
        const bar = new ProgressBar(dryRun ? 'Trying' : 'Importing', await source.count());
        const report = await withLargeCache(dataSource, () =>
          importV2(source.pages(), {
            dryRun,
            transactionsAtOnce: dataSource.options.type === 'better-sqlite3' ? 1 : 2,
            subscriptions: new SubscriptionsService(writerOf(app, dryRun)),
            sealing: app.get(Sealing),
            problemsOf: (items, now) => verifiers.problemsOf(items, now),
            onRows: (rows) => bar.advance(rows),
          }),
        );
        bar.finish();
        return report;
      });
    } finally {
      await verifiers.close();
    }
  });
}

function runExport(target: V2Database): Promise<ExportV2Report> {
  return withDatabase((app, config) => {
    const dataSource = app.get(DataSource);
    return withoutServer(dataSource, config, async () => {
      const [row] = await dataSource.query<{ rows_in_all: number | string }[]>(
        'SELECT COUNT(*) AS rows_in_all FROM subscriptions',
      );
      const bar = new ProgressBar('Exporting', Number(row?.rows_in_all ?? 0));
      const report = await exportV2(dataSource, app.get(Sealing), target, (rows) => bar.advance(rows));
      bar.finish();
      return report;
    });
  });
}
