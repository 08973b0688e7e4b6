import { z } from 'zod';
import { statisticsQuerySchema } from '../../statistics/dto/statistics-query.dto.js';
import { healthReportSchema } from '../dto/health-report.dto.js';
import { serverStatusSchema } from '../dto/server-status.dto.js';
import { statisticsDataSchema } from '../dto/statistics-data.dto.js';
import { legacyStatisticsSchema, refusalSchema, terseHealthSchema, versionSchema } from './operator-answers.js';

export const ANSWERS = {
  HealthReport: healthReportSchema,
  LegacyStatistics: legacyStatisticsSchema,
  Refusal: refusalSchema,
  ServerStatus: serverStatusSchema,
  StatisticsData: statisticsDataSchema,
  TerseHealth: terseHealthSchema,
  Version: versionSchema,
};

const uriOf = (id: string): string => `#/components/schemas/${id}`;

/** A reference to a schema of the document. */
export const ref = (name: keyof typeof ANSWERS) => ({ $ref: uriOf(name) });

/** The schemas that answers refer to, by name. They are what the tests hold the real answers against. */
export function answerSchemas(): Record<string, object> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(ANSWERS)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { uri: uriOf, override: readable });
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, withoutDialect(schema)]));
}

export const legacyQuerySchema = (): object =>
  withoutDialect(z.toJSONSchema(statisticsQuerySchema, { io: 'input', override: readable }));

/** Leaves out what says nothing to a reader: patterns of what has a format, bounds of what a number can hold. */
function readable({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  // Later versions may tell more.
  if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
}

function withoutDialect({ $schema: _dialect, $id: _id, ...schema }: z.core.JSONSchema.BaseSchema): object {
  return schema;
}
