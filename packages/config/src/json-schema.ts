import type { Provider } from '@hikyaku/core';
import * as z from 'zod';
import { credentialReference } from './credential-forms.ts';
import { branchesOf, inputSchema } from './json-schema-parts.ts';
import type { JsonSchema } from './json-schema-parts.ts';
import { configFile } from './parse-config.ts';
import { isMapping } from './place.ts';
import { sourceWords } from './source.ts';

/**
 * The JSON Schema (draft 2020-12) of the config file, for editors; `providers` are the built-in ones. It says what can be said about one file alone: that a
 * `from` names a source, and the like, is for {@link parseConfig}. Words kept for later stand in it and take no value.
 */
export function jsonSchema(providers: ReadonlyMap<string, Provider>): object {
  const schema = draft(configFile);
  const sources = property(schema, 'providers');
  const entries = property(schema, 'secrets');
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'hikyaku config',
    ...schema,
    properties: {
      ...propertiesOf(schema),
      providers: { ...sources, additionalProperties: sourceSchema(providers) },
      secrets: {
        ...entries,
        items: { ...asSchema(entries['items']), oneOf: [{ required: ['namespace'] }, { required: ['namespaces'] }] },
      },
    },
  };
}

function sourceSchema(providers: ReadonlyMap<string, Provider>): JsonSchema {
  const sorted = [...providers].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const types = sorted.map(([type]) => type);
  // A plug-in may have any name but one that looks like a slip of the pen; its words are its author's business.
  const plugIn = { type: 'string', pattern: `^(?!(?:${[...types, ...mistyped(types)].join('|')})$).` };
  return {
    type: 'object',
    required: ['type'],
    properties: {
      type: {
        anyOf: [{ enum: types }, plugIn],
        description: 'Kind of provider: a built-in one, an npm package or a path',
      },
    },
    allOf: [
      ...sorted.map(([type, provider]) => when({ const: type }, providerSchema(type, provider))),
      when(plugIn, { properties: propertiesOf(draft(sourceWords)) }),
    ],
  };
}

function when(type: JsonSchema, schema: JsonSchema): JsonSchema {
  // oxlint-disable-next-line unicorn/no-thenable -- the word of JSON Schema
  return { if: { required: ['type'], properties: { type } }, then: schema };
}

/** Patterns of what is one slip away from a word: a letter wrong, missing or too many, or two swapped. */
function mistyped(words: readonly string[]): readonly string[] {
  return words.flatMap((word) =>
    Array.from(word, (letter, index) => {
      const [before, after] = [word.slice(0, index), word.slice(index + 1)];
      const swapped = after === '' ? [] : [`${before}${after.charAt(0)}${letter}${after.slice(1)}`];
      return [`${before}.{0,2}${after}`, ...swapped];
    }).flat(),
  );
}

/** A provider's own schema with the words that every source has and its credentials. */
function providerSchema(type: string, { config, credentials = [] }: Provider): JsonSchema {
  const own = inputSchema(config);
  const common = { ...propertiesOf(draft(sourceWords)), type: { const: type } };
  if (own === undefined) return { properties: common };
  const { $schema: _, ...rest } = own;
  const withCredentials = credentials.reduce(
    (schema, { path }) => withProperty(schema, path.split('.')),
    withCommon(rest, common),
  );
  // References within the provider's schema are relative to it.
  return '$defs' in rest ? { $id: `urn:hikyaku:provider:${type}`, ...withCredentials } : withCredentials;
}

/** Adds the common words to the schema, or to each of its branches. */
function withCommon(schema: JsonSchema, common: JsonSchema): JsonSchema {
  return mapObjects(schema, (branch) => ({
    ...branch,
    properties: { ...common, ...propertiesOf(branch), type: common['type'] },
  }));
}

/** Adds a credential at the dotted path; `*` stands for every key of a map. */
function withProperty(schema: JsonSchema, path: readonly string[]): JsonSchema {
  const [first, ...rest] = path;
  if (first === undefined) return draft(credentialReference);
  return mapObjects(schema, (branch) => {
    if (first === '*') return { ...branch, additionalProperties: withProperty({}, rest) };
    const properties = propertiesOf(branch);
    const inner = Object.hasOwn(properties, first) ? asSchema(properties[first]) : emptyMapping(rest);
    return { ...branch, properties: { ...properties, [first]: withProperty(inner, rest) } };
  });
}

function emptyMapping(rest: readonly string[]): JsonSchema {
  return rest.length === 0 ? {} : { type: 'object', additionalProperties: false };
}

function mapObjects(schema: JsonSchema, change: (branch: JsonSchema) => JsonSchema): JsonSchema {
  if (branchesOf(schema).length === 0) return change(schema);
  const changed = ['anyOf', 'oneOf', 'allOf'].flatMap((word) => {
    const branches = schema[word];
    return Array.isArray(branches) ? [[word, branches.map((branch) => mapObjects(asSchema(branch), change))]] : [];
  });
  return { ...schema, ...Object.fromEntries(changed) };
}

function draft(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', target: 'draft-2020-12' });
  return rest;
}

function propertiesOf(schema: JsonSchema): JsonSchema {
  return asSchema(schema['properties']);
}

function property(schema: JsonSchema, name: string): JsonSchema {
  return asSchema(propertiesOf(schema)[name]);
}

function asSchema(value: unknown): JsonSchema {
  return isMapping(value) ? value : {};
}
