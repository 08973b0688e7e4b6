import { configurationPage } from './configuration-page.js';
import { envExample } from './env-example.js';
import { configurationSections } from './variables.js';

const sections = configurationSections();

/** What is made from the schema of the environment, by the path of its file. */
export const CONFIGURATION_FILES: Readonly<Record<string, string>> = {
  '.env.example': envExample(sections),
  'docs/configuration.md': configurationPage(sections),
};
