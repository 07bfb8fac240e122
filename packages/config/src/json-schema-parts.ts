import type { Schema } from './schema.ts';
import { isMapping } from './place.ts';

export type JsonSchema = Readonly<Record<string, unknown>>;

/** The JSON Schema of what a schema takes, where its library offers one (`~standard.jsonSchema`). */
export function inputSchema(schema: Schema): JsonSchema | undefined {
  const standard: unknown = schema['~standard'];
  const converter = isMapping(standard) ? standard['jsonSchema'] : undefined;
  if (!isMapping(converter) || typeof converter['input'] !== 'function') return undefined;
  try {
    const converted: unknown = converter['input']({ target: 'draft-2020-12' });
    return isMapping(converted) ? converted : undefined;
  } catch {
    return undefined; // a schema that JSON Schema cannot express still checks
  }
}

/** The keys that a mapping at `path` may have, as far as the schema tells; those of all branches where there are several. */
export function propertiesAt(schema: unknown, path: readonly string[]): readonly string[] {
  if (!isMapping(schema)) return [];
  const branches = branchesOf(schema).flatMap((branch) => propertiesAt(branch, path));
  const properties = isMapping(schema['properties']) ? schema['properties'] : {};
  const [first, ...rest] = path;
  if (first === undefined) return [...Object.keys(properties), ...branches];
  const next = Object.hasOwn(properties, first)
    ? properties[first]
    : (schema['additionalProperties'] ?? schema['items']);
  return [...propertiesAt(next, rest), ...branches];
}

export function branchesOf(schema: JsonSchema): readonly unknown[] {
  return ['anyOf', 'oneOf', 'allOf'].flatMap((word) => (Array.isArray(schema[word]) ? schema[word] : []));
}
