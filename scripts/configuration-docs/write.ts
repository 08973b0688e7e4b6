import { writeFileSync } from 'node:fs';
import { CONFIGURATION_FILES } from './files.js';

for (const [file, text] of Object.entries(CONFIGURATION_FILES)) writeFileSync(file, text);
