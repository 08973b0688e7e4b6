import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe } from 'vitest';
import { findProgram } from './private-server.js';
import { OPERATOR } from './test-server.js';

const HOW_TO_GET_IT = 'install chromium (on Debian: apt-get install chromium)';
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Runs in the page, before anything of it. */
const REPORT_VIOLATIONS = `document.addEventListener('securitypolicyviolation', (event) =>
  complain('policy: ' + event.violatedDirective + ' ' + event.blockedURI))`;

/** A page and what went wrong on it. */
export interface WatchedPage {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Console errors, uncaught errors and violations of the content security policy. */
  readonly complaints: string[];
  /** Every address that was asked for. */
  readonly requested: string[];
}

export interface TestBrowser {
  /** Opens an empty page, signed in as the operator, with a memory of its own. */
  open(options?: BrowserContextOptions): Promise<WatchedPage>;
}

/** Describes what a real Chromium shows. Skipped, with a sentence, where there is none; with REQUIRE_BROWSER=1 an error. */
export function describeInBrowser(name: string, suite: (browser: TestBrowser) => void): void {
  const program = findProgram('chromium');
  if (!program && process.env.REQUIRE_BROWSER === '1') {
    throw new Error(`REQUIRE_BROWSER=1 is set and there is no Chromium: ${HOW_TO_GET_IT}.`);
  }
  if (!program) console.warn(`Chromium is not installed, "${name}" is skipped; to run it, ${HOW_TO_GET_IT}.`);
  describe.skipIf(!program)(`${name} in Chromium`, () => {
    let browser: Browser | undefined;
    beforeAll(async () => {
      browser = await chromium.launch({ executablePath: program ?? '', args: ARGUMENTS });
    });
    afterAll(() => browser?.close());
    suite({
      async open(options = {}) {
        if (!browser) throw new Error('The browser is not started yet.');
        return watch(await browser.newContext({ httpCredentials: OPERATOR, ...options }));
      },
    });
  });
}

async function watch(context: BrowserContext): Promise<WatchedPage> {
  const complaints: string[] = [];
  const requested: string[] = [];
  const page = await context.newPage();
  await page.exposeFunction('complain', (text: string) => void complaints.push(text));
  await page.addInitScript(REPORT_VIOLATIONS);
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));
  context.on('request', (request) => requested.push(request.url()));
  return { page, context, complaints, requested };
}
