// Where the TypeORM command line looks for the data source: `npm run migration:show`.
export { default } from './src/database/data-source.js';
