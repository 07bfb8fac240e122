import * as z from 'zod';
import { issueProblems, missing, unknownKey, wrongKind } from './issues.ts';
import { isMapping } from './place.ts';
import type { Place } from './place.ts';
import type { Problem } from './problem.ts';

/** A word of the grammar that is kept for later. */
export function reserved(): z.ZodOptional<z.ZodNever> {
  return z.never().optional().describe('not yet available');
}

/**
 * Checks the fields of the mapping at `place` one by one, so that one bad field hides no other. Only the good ones are in the
 * answer. Fields in `later` are known here but checked by the caller.
 */
export function readFields<Shape extends z.ZodRawShape>(
  place: Place,
  { shape }: z.ZodObject<Shape>,
  problems: Problem[],
  later: readonly (keyof Shape)[] = [],
): Partial<z.output<z.ZodObject<Shape>>> {
  const good: Record<string, unknown> = {};
  if (isMapping(place.value)) readInto(good, place, shape, problems, later.map(String));
  else if (place.whole) problems.push(wrongKind(place, 'a mapping'));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each value came out of the schema of its key
  return good as Partial<z.output<z.ZodObject<Shape>>>;
}

function readInto(
  good: Record<string, unknown>,
  place: Place,
  shape: Readonly<Record<string, unknown>>,
  problems: Problem[],
  later: readonly string[],
): void {
  const known = Object.keys(shape);
  for (const key of place.children.keys()) {
    if (!known.includes(String(key))) problems.push(unknownKey(place, String(key), known));
  }
  for (const key of known) {
    const schema = shape[key];
    if (later.includes(key) || !(schema instanceof z.ZodType)) continue;
    const value = readField(place, key, schema, problems);
    if (value !== undefined) good[key] = value;
  }
}

/** The value at `place`, checked; `undefined` when it is not good. */
export function readValue<Output>(place: Place, schema: z.ZodType<Output>, problems: Problem[]): Output | undefined {
  if (!place.whole) return undefined;
  const result = schema.safeParse(place.value);
  if (result.success) return result.data;
  problems.push(...issueProblems(place, result.error.issues, schema));
  return undefined;
}

function readField(place: Place, key: string, schema: z.ZodType, problems: Problem[]): unknown {
  const child = place.children.get(key);
  if (child !== undefined) return readValue(child, schema, problems);
  const absent = schema.safeParse(undefined);
  if (absent.success) return absent.data;
  // What the reader refused at this key has been reported; a key that is missing besides would be noise.
  if (place.whole) problems.push(missing(place, key));
  return undefined;
}
