import { byId, element, table } from './dom.js';

/** @typedef {{ description?: string, content?: Record<string, { schema: object, example?: unknown }> }} Body */
/** @typedef {{ name: string, description: string }} Parameter */
/** @typedef {{ summary: string, description?: string, security?: object[], parameters?: Parameter[], requestBody?: Body, responses: Record<string, Body> }} Operation */
/** @typedef {{ info: { version: string, description: string }, paths: Record<string, Record<string, Operation>>, components: { schemas: Record<string, object> } }} Document */

/**
 * @param {string} path
 * @param {string} method
 * @param {Operation} operation
 */
function endpoint(path, method, { summary, description, security, parameters = [], requestBody, responses }) {
  const parts = [
    element('h2', {}, element('span', { class: 'method' }, method.toUpperCase()), ' ', element('code', {}, path)),
    element('p', {}, security?.length === 0 ? `${summary}. For everybody.` : `${summary}.`),
  ];
  if (description) parts.push(element('p', { class: 'note' }, description));
  if (parameters.length > 0) {
    const rows = parameters.map((parameter) => [parameter.name, parameter.description]);
    parts.push(table('Parameters of the query', ['Parameter', 'Meaning'], rows));
  }
  for (const [type, { schema }] of Object.entries(requestBody?.content ?? {})) {
    parts.push(source(`Body, ${type}`, schema));
  }
  const answers = Object.entries(responses).map(([code, answer]) => [
    code,
    answer.description ?? '',
    contentOf(answer),
  ]);
  parts.push(table('Answers', ['Status', 'Meaning', 'Content'], answers));
  for (const [code, { content = {} }] of Object.entries(responses)) {
    for (const { example } of Object.values(content)) if (example) parts.push(source(`Example of ${code}`, example));
  }
  return element('article', { class: 'card endpoint' }, ...parts);
}

/**
 * What an answer holds: links to its schemas, or its type.
 *
 * @param {Body} body
 */
function contentOf({ content = {} }) {
  const parts = Object.entries(content).map(([type, { schema }]) => {
    const names = [...JSON.stringify(schema).matchAll(REFERENCES)].map(([, name = '']) => name);
    return names.length > 0
      ? names.flatMap((name, index) => (index > 0 ? [' or ', linkTo(name)] : [linkTo(name)]))
      : [type];
  });
  return element('span', {}, ...parts.flat());
}

const REFERENCES = /#\/components\/schemas\/(\w+)/g;

/** @param {string} name of a schema */
const linkTo = (name) => element('a', { href: `#schema-${name}` }, name);

/** Opens the schema that the address names: what is closed cannot be scrolled to. */
function openNamed() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!(named instanceof HTMLDetailsElement)) return;
  named.open = true;
  named.scrollIntoView();
}

/**
 * JSON that opens, in which a reference to a schema is a link.
 *
 * @param {string} title
 * @param {unknown} json
 * @param {Record<string, string>} attributes
 */
function source(title, json, attributes = {}) {
  // Every other part is the name of a schema.
  const parts = JSON.stringify(json, null, 2).split(/#\/components\/schemas\/(\w+)/);
  const text = parts.map((part, index) => (index % 2 === 1 ? linkTo(part) : part));
  return element('details', attributes, element('summary', {}, title), element('pre', { tabindex: '0' }, ...text));
}

try {
  const response = await fetch('docs/openapi.json', { cache: 'no-store' });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  const { info, paths, components } = /** @type {Document} */ (await response.json());
  byId('version').textContent = `version ${info.version}`;
  byId('description').textContent = info.description;
  const endpoints = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => endpoint(path, method, operation)),
  );
  byId('endpoints').replaceChildren(...endpoints);
  const schemas = Object.entries(components.schemas).map(([name, schema]) =>
    source(name, schema, { id: `schema-${name}` }),
  );
  byId('schemas').replaceChildren(element('div', { class: 'card endpoint' }, ...schemas));
  openNamed();
  addEventListener('hashchange', openNamed);
} catch (error) {
  const box = byId('trouble');
  box.textContent = `The description cannot be loaded: ${error instanceof Error ? error.message : 'no answer'}.`;
  box.hidden = false;
}
