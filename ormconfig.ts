import { migrationDataSource } from './src/data-source.js';

// Where the TypeORM command line looks for the data source: `npm run migration:show`.
export default await migrationDataSource();
