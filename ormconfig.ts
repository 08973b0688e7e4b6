import { migrationDataSource } from './src/database/data-source.js';

// Where the TypeORM command line looks for the data source: `npm run migration:show`.
export default await migrationDataSource();
