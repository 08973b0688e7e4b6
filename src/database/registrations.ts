import { type DataSource } from 'typeorm';

/** Registrations of apps, which know this server by its onion key. */
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
