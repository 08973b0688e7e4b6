import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

export interface PageFile {
  readonly type: string;
  readonly url: URL;
}

const HTML = 'text/html; charset=utf-8';
const CSS = 'text/css; charset=utf-8';
const SCRIPT = 'text/javascript; charset=utf-8';
const SVG = 'image/svg+xml; charset=utf-8';

const require = createRequire(import.meta.url);

const own = (name: string, type: string): [string, PageFile] => [
  name,
  { type, url: new URL(`public/${name}`, import.meta.url) },
];

export const STATISTICS_PAGE: PageFile = own('statistics.html', HTML)[1];
export const DOCS_PAGE: PageFile = own('docs.html', HTML)[1];

/**
 * What the pages may ask for, by name. A table and not a folder: a name that is not in it leads nowhere, whatever dots
 * and slashes it is made of.
 */
export const ASSETS: ReadonlyMap<string, PageFile> = new Map([
  own('icon.svg', SVG),
  own('page.css', CSS),
  own('plot.css', CSS),
  own('docs.js', SCRIPT),
  own('dom.js', SCRIPT),
  own('format.js', SCRIPT),
  own('network-view.js', SCRIPT),
  own('plot.js', SCRIPT),
  own('range-picker.js', SCRIPT),
  own('requests.js', SCRIPT),
  own('statistics.js', SCRIPT),
  own('status-view.js', SCRIPT),
  own('traffic-rows.js', SCRIPT),
  own('traffic-view.js', SCRIPT),
  ['uplot.css', { type: CSS, url: pathToFileURL(require.resolve('uplot/dist/uPlot.min.css')) }],
  ['uplot.js', { type: SCRIPT, url: pathToFileURL(require.resolve('uplot/dist/uPlot.iife.min.js')) }],
]);

export const readPageFile = ({ url }: PageFile): Promise<Buffer> => readFile(url);
