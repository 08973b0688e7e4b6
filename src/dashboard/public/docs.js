import { byId, element, table } from './dom.js';

/** @typedef {{ description?: string, content?: Record<string, { schema: object }> }} Body */
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
  return element('article', { class: 'card endpoint' }, ...parts);
}

/** @param {Body} body */
function contentOf({ content = {} }) {
  return Object.entries(content)
    .map(([type, { schema }]) => {
      const names = [...JSON.stringify(schema).matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name);
      return names.length > 0 ? names.join(' or ') : type;
    })
    .join(', ');
}

/**
 * @param {string} title
 * @param {object} schema
 */
function source(title, schema) {
  return element(
    'details',
    {},
    element('summary', {}, title),
    element('pre', { tabindex: '0' }, JSON.stringify(schema, null, 2)),
  );
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
  const schemas = Object.entries(components.schemas).map(([name, schema]) => source(name, schema));
  byId('schemas').replaceChildren(element('div', { class: 'card endpoint' }, ...schemas));
} catch (error) {
  const box = byId('trouble');
  box.textContent = `The description cannot be loaded: ${error instanceof Error ? error.message : 'no answer'}.`;
  box.hidden = false;
}
