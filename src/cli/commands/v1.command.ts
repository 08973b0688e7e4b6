import { type Command, Option } from 'commander';
import { DataSource } from 'typeorm';
import { DatabaseWriter } from '../../database/database-writer.js';
import { examples, formatCount, print, printJson } from '../output.js';
import { ProgressBar } from '../progress-bar.js';
import { exportV1 } from '../v1/export-v1.js';
import { type ImportReport, type Resolution } from '../v1/import-report.js';
import { describeImport } from '../v1/describe-import.js';
import { ImportTarget } from '../v1/import-target.js';
import { importV1 } from '../v1/import-v1.js';
import { V1File } from '../v1/v1-file.js';
import { withDatabase } from '../with-database.js';

interface ImportCommandOptions {
  dryRun?: boolean;
  onConflict: Resolution;
  json?: boolean;
}

export function addV1Commands(program: Command): void {
  program
    .command('import-v1')
    .description("bring the original (Python) server's database over")
    .argument('<file>', 'its session_pn_server.db, or a copy')
    .option('--dry-run', 'do everything but keep nothing; the figures are those of the real run')
    .addOption(
      new Option('--on-conflict <choice>', 'a token that the file has on two ids')
        .choices(['newest', 'skip'])
        .default('newest'),
    )
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      `
The file is only read. Stop the original server first: it writes registrations down minutes after it took them, and loses
them when it finds its file locked. Our own server may run, but answers slowly meanwhile.

A token or group member that our database has already stays as it is there: it is newer than the file. So the import can
be repeated, and goes on where it broke off.

--on-conflict: the original left a token that moved to another id on both of them. "newest" takes the row with the highest
rowid: ids that change are written at the end of the table, so it is most likely where the token moved to. "skip" takes
neither, and these phones get nothing until their app registers again.

Imported devices count as registered now, because the file knows no times.
${examples('import-v1 /var/lib/old/session_pn_server.db --dry-run', 'import-v1 /var/lib/old/session_pn_server.db')}`,
    )
    .action(async (path: string, { dryRun = false, onConflict, json }: ImportCommandOptions) => {
      const report = await runImport(path, dryRun, onConflict);
      if (json) printJson(report);
      else print(describeImport(report));
    });

  program
    .command('export-v1')
    .description('write a database that the original (Python) server starts on: the way back')
    .argument('<file>', 'the file to make; one that exists is not overwritten')
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      `
Stop the server first, or what registers meanwhile may be missing.
${examples('export-v1 /var/lib/old/session_pn_server.db')}`,
    )
    .action(async (path: string, { json }: { json?: boolean }) => {
      const report = await runExport(path);
      if (json) return printJson(report);
      const { devices, members, statistics } = report;
      print(`Exported ${formatCount(devices)} devices, ${formatCount(members)} group members and`);
      print(`${formatCount(statistics)} statistics rows to ${path}.`);
    });
}

async function runImport(path: string, dryRun: boolean, onConflict: Resolution): Promise<ImportReport> {
  const file = V1File.open(path);
  try {
    return await withDatabase(async (app) => {
      const target = await ImportTarget.open(app.get(DataSource), app.get(DatabaseWriter), dryRun);
      const bar = new ProgressBar(dryRun ? 'Trying' : 'Importing', file.count('tokens') + file.count('members'));
      const onRows = (rows: number) => bar.advance(rows);
      const report = await importV1(file, target, { dryRun, onConflict, now: Date.now(), onRows });
      bar.finish();
      return report;
    });
  } finally {
    file.close();
  }
}

function runExport(path: string) {
  return withDatabase(async (app) => {
    const dataSource = app.get(DataSource);
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
  });
}
