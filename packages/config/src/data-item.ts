import * as z from 'zod';
import type { DataItem } from './config.ts';
import { readFields, readValue, reserved } from './fields.ts';
import { notYetAvailable, wrongKind } from './issues.ts';
import { secretKey } from './kubernetes-names.ts';
import { isMapping, nameOf } from './place.ts';
import type { Place } from './place.ts';
import { problemAt, problemAtKey } from './problem.ts';
import type { Problem } from './problem.ts';
import { sourceOf } from './source-of.ts';
import type { SourceNames } from './source-of.ts';

const dataKey = secretKey();

const secretName = z
  .string()
  .min(1, { error: 'must name a secret of the source' })
  .refine((text) => !text.includes('\0'), { error: 'must not hold the character U+0000' })
  .describe('Name of the secret at the source');

const fields = z.strictObject({
  from: z.string().optional().describe("Name of the source; the entry's `from` by default"),
  key: secretName,
  version: z
    .string()
    .min(1, { error: 'must name a version' })
    .optional()
    .describe('A pinned version; the latest by default'),
  property: z
    .string()
    .regex(/^[^.]+(\.[^.]+)*$/, { error: 'must be a dotted path such as `connection.host`' })
    .optional()
    .describe('Dotted path into the value, which is JSON'),
  decode: z.enum(['base64', 'base64url']).optional().describe('How the value (or its property) is encoded'),
  optional: z.boolean().default(false).describe('Absent at the source: the key is left out, and that is no error'),
  template: reserved(),
  with: reserved(),
  generate: reserved(),
});

export const dataItem = z
  .union([secretName, fields])
  .describe('One key of the Kubernetes Secret: the name of a secret, or a mapping with `key`');

export interface ItemContext {
  /** The entry's `from`. */
  readonly from: string | undefined;
  readonly names: SourceNames;
}

/** Reads one key of `data`. */
export function readDataItem(place: Place, { from, names }: ItemContext, problems: Problem[]): DataItem | undefined {
  const keyProblem = dataKey.safeParse(place.path.at(-1)).error?.issues[0]?.message;
  if (keyProblem !== undefined) problems.push(problemAtKey(place, `a key of a Secret ${keyProblem}`));
  if (!isMapping(place.value)) return readShorthand(place, from, problems);

  const later = ['template', 'generate', 'with'].flatMap((word) => place.children.get(word) ?? [])[0];
  if (later !== undefined) {
    problems.push(notYetAvailable(later));
    return undefined;
  }
  const { key, version, property, decode, optional = false, from: own } = readFields(place, fields, problems);
  if (property?.startsWith('$') === true) {
    const jsonPath = place.children.get('property') ?? place;
    problems.push(
      problemAt(jsonPath, 'JSONPath in `property` is not yet available', 'use a dotted path such as `connection.host`'),
    );
  }
  const source = sourceOf(place, own, from, names, problems);
  if (from === undefined && !place.children.has('from')) noSource(place, problems);
  return {
    source,
    ref: { name: key ?? '', ...(version !== undefined && { version }) },
    ...(property !== undefined && { property }),
    ...(decode !== undefined && { decode }),
    optional,
    position: place.keyPosition,
  };
}

function readShorthand(place: Place, from: string | undefined, problems: Problem[]): DataItem | undefined {
  if (!place.whole) return undefined;
  if (place.value === null) {
    problems.push(
      problemAt(place, `${nameOf(place.path)} names no secret`, 'write the name of the secret at the source behind it'),
    );
    return undefined;
  }
  if (typeof place.value !== 'string') {
    const quotes = Array.isArray(place.value) ? undefined : { suggestion: 'put it in quotes' };
    problems.push({ ...wrongKind(place, 'the name of a secret (text) or a mapping'), ...quotes });
    return undefined;
  }
  const name = readValue(place, secretName, problems);
  if (from === undefined) noSource(place, problems);
  return { source: from ?? '', ref: { name: name ?? '' }, optional: false, position: place.keyPosition };
}

function noSource(place: Place, problems: Problem[]): void {
  problems.push(
    problemAtKey(place, `${nameOf(place.path)} has no source`, 'name one with `from`, here or for the whole entry'),
  );
}
