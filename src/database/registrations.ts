import { type DataSource } from 'typeorm';

/** What apps left here because they know this server by its key. */
export class Registrations {
  constructor(private readonly dataSource: DataSource) {}

  async exist(): Promise<boolean> {
    for (const table of ['devices', 'subscriptions']) {
      const rows = await this.dataSource.query<unknown[]>(`SELECT 1 FROM ${table} LIMIT 1`);
      if (rows.length > 0) return true;
    }
    return false;
  }
}
