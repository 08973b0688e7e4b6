import { resolve } from 'node:path';
import { DataSource } from 'typeorm';
import { withLargeCache } from '../../database/large-cache.js';
import { Sealing } from '../../sealing/sealing.js';
import { CliError } from '../cli-error.js';
import { formatCount, print, printJson } from '../output.js';
import { ProgressBar } from '../progress-bar.js';
import { writerOf } from '../rolled-back-writer.js';
import { describeImport } from '../v1/describe-import-v1.js';
import { type ExportReport, exportV1 } from '../v1/export-v1.js';
import { type ImportReport, type Resolution } from '../v1/import-report.js';
import { ImportTarget } from '../v1/import-target.js';
import { importV1 } from '../v1/import-v1.js';
import { V1File } from '../v1/v1-file.js';
import { withDatabase } from '../with-database.js';
import { withoutServer } from '../without-server.js';

export interface ImportCommandOptions {
  dryRun?: boolean;
  onConflict: Resolution;
  json?: boolean;
}

export interface ExportCommandOptions {
  json?: boolean;
}

export async function importFile(path: string, options: ImportCommandOptions): Promise<void> {
  const { dryRun = false, onConflict, json } = options;
  const report = await runImport(resolve(path), dryRun, onConflict);
  if (json) printJson(report);
  else print(describeImport(report));
}

export async function exportFile(given: string, { json }: ExportCommandOptions): Promise<void> {
  const path = resolve(given);
  const report = await runExport(path);
  if (json) return printJson(report);
  const { devices, members, statistics } = report;
  print(`Exported ${formatCount(devices)} devices, ${formatCount(members)} group members and`);
  print(`${formatCount(statistics)} statistics rows to ${path}.`);
}

async function runImport(path: string, dryRun: boolean, onConflict: Resolution): Promise<ImportReport> {
  const file = V1File.open(path);
  try {
    return await withDatabase(async (app) => {
      const dataSource = app.get(DataSource);
      const sealing = app.get(Sealing);
      const target = new ImportTarget(dataSource, writerOf(app, dryRun), sealing);
      const bar = new ProgressBar(dryRun ? 'Trying' : 'Importing', file.count('tokens') + file.count('members'));
      const onRows = (rows: number) => bar.advance(rows);
      const options = { dryRun, onConflict, now: Date.now(), sealing, onRows };
      const report = await withLargeCache(dataSource, () => importV1(file, target, options));
      bar.finish();
      return report;
    });
  } finally {
    file.close();
  }
}

function runExport(path: string): Promise<ExportReport> {
  return withDatabase(async (app, config) => {
    if (app.get(Sealing).isOn) {
      throw new CliError(
        'The database is sealed, and of a sealed id nobody can tell which it was: there is no way back.',
      );
    }
    const dataSource = app.get(DataSource);
    return withoutServer(dataSource, config, () => exportAll(dataSource, path));
  });
}

async function exportAll(dataSource: DataSource, path: string): Promise<ExportReport> {
  const count = async (table: string): Promise<number> => {
    const [row] = await dataSource.query<{ rows_in_all: number | string }[]>(
      `SELECT COUNT(*) AS rows_in_all FROM ${table}`,
    );
    return Number(row?.rows_in_all ?? 0);
  };
  const bar = new ProgressBar('Exporting', (await count('devices')) + (await count('closed_group_members')));
  const report = await exportV1(dataSource, path, (rows) => bar.advance(rows));
  bar.finish();
  return report;
}
