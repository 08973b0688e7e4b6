import { ownVersion } from '../../common/start/own-version.js';
import { HEALTH_REPORT, LEGACY_STATISTICS, SERVER_STATUS, STATISTICS_DATA } from './examples.js';
import { answerSchemas, legacyQuerySchema, ref } from './schemas.js';

const json = (description: string, schema: object, example?: unknown) => ({
  description,
  content: { 'application/json': { schema, ...(example === undefined ? {} : { example }) } },
});
const text = (description: string, type: string) => ({
  description,
  content: { [type]: { schema: { type: 'string' } } },
});

const HEALTHY = { status: 'ok' };
const REFUSED = {
  401: json('The credentials are missing or wrong.', ref('Refusal'), {
    statusCode: 401,
    message: 'Unauthorized Access',
  }),
  404: json('No credentials are configured.', ref('Refusal')),
  429: json('Too many wrong passwords: none is looked at for some seconds.', ref('Refusal')),
};
const BAD_REQUEST = { 400: json('Names what is wrong.', ref('Refusal')) };

const timeParameter = (name: string, description: string) => ({
  name,
  in: 'query',
  required: false,
  description: `${description}: a UTC time such as 2026-03-01T12:00:00Z, a date, or epoch milliseconds.`,
  schema: { type: 'string' },
});

const PATHS = {
  '/statistics': {
    get: {
      summary: 'The statistics page',
      responses: { 200: text('The page.', 'text/html'), ...REFUSED },
    },
  },
  '/statistics/data': {
    get: {
      summary: 'Messages and pushes, period by period',
      description:
        'The periods that begin at or after from and before to, with what was counted up to now; what other instances count ' +
        'follows within three minutes.',
      parameters: [
        timeParameter('from', 'No period before it'),
        timeParameter('to', 'No period from then on'),
        {
          name: 'by',
          in: 'query',
          required: false,
          description: 'hour: hours instead of periods, for the last 32 days; what is older stays as it is.',
          schema: { type: 'string', enum: ['period', 'hour'], default: 'period' },
        },
      ],
      responses: { 200: json('The periods.', ref('StatisticsData'), STATISTICS_DATA), ...BAD_REQUEST, ...REFUSED },
    },
  },
  '/statistics/status': {
    get: {
      summary: 'State of the server, its providers and its queue; devices per platform',
      responses: { 200: json('As it is now.', ref('ServerStatus'), SERVER_STATUS), ...REFUSED },
    },
  },
  '/get_statistics_data': {
    post: {
      summary: "The statistics as the original server's clients know them",
      description: 'Without a body: everything. Times are in the time zone of the server.',
      requestBody: {
        required: false,
        content: { 'application/json': { schema: legacyQuerySchema() } },
      },
      responses: { 200: json('The periods.', ref('LegacyStatistics'), LEGACY_STATISTICS), ...BAD_REQUEST, ...REFUSED },
    },
  },
  '/metrics': {
    get: {
      summary: 'Metrics for Prometheus',
      responses: { 200: text("Prometheus' text format.", 'text/plain'), ...REFUSED },
    },
  },
  '/': {
    get: { summary: 'What this server is', security: [], responses: { 200: text('A few words.', 'text/plain') } },
  },
  '/version': {
    get: {
      summary: 'The version of the server, and of its Node.js',
      responses: {
        200: json('The versions.', ref('Version'), { version: ownVersion(), node: process.versions.node }),
        ...REFUSED,
      },
    },
  },
  '/healthz': {
    get: {
      summary: 'As /health/live',
      security: [],
      responses: { 200: json('The process answers.', ref('TerseHealth'), HEALTHY) },
    },
  },
  '/health/live': {
    get: {
      summary: 'Whether the process answers',
      security: [],
      responses: { 200: json('It does.', ref('TerseHealth'), HEALTHY) },
    },
  },
  '/health/ready': {
    get: {
      summary: 'Whether the server can accept and deliver',
      description: 'Without credentials the answer is terse; with them it is the whole report.',
      security: [{}, { operator: [] }],
      responses: Object.fromEntries(
        [
          { code: 200, description: 'It can.', example: HEALTH_REPORT },
          { code: 503, description: 'It cannot.', example: { status: 'error' } },
        ].map(({ code, description, example }) => [
          code,
          json(description, { anyOf: [ref('TerseHealth'), ref('HealthReport')] }, example),
        ]),
      ),
    },
  },
  '/docs': {
    get: { summary: 'This description as a page', responses: { 200: text('The page.', 'text/html'), ...REFUSED } },
  },
  '/docs/openapi.json': {
    get: {
      summary: 'This description as OpenAPI',
      responses: { 200: json('OpenAPI 3.1.', { type: 'object' }), ...REFUSED },
    },
  },
};

/** OpenAPI 3.1 of the endpoints that are for the operator; the onion paths are in docs/protocol.md. */
export function openApiDocument() {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Session push notification server: for the operator',
      version: ownVersion(),
      description: 'With STATISTICS_USERNAME and STATISTICS_PASSWORD as Basic credentials.',
    },
    security: [{ operator: [] }],
    paths: PATHS,
    components: {
      securitySchemes: { operator: { type: 'http', scheme: 'basic' } },
      schemas: answerSchemas(),
    },
  };
}
