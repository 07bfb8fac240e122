import * as z from 'zod';
import type { BulkItem } from './config.ts';
import type { ItemContext } from './data-item.ts';
import { readFields, reserved } from './fields.ts';
import { notYetAvailable } from './issues.ts';
import { keyGlobs, splitGlobs, starsIn } from './key-globs.ts';
import type { Place } from './place.ts';
import { problemAt, problemAtKey } from './problem.ts';
import type { Problem } from './problem.ts';
import { sourceOf } from './source-of.ts';

export const bulkItem = z.strictObject({
  from: z.string().optional().describe("Name of the source; the entry's `from` by default"),
  keys: keyGlobs.optional(),
  as: z
    .string()
    .regex(/^[-._a-zA-Z0-9*]+$/, { error: 'must be letters, digits, `-`, `_`, `.` and one `*`' })
    .refine((text) => starsIn(text) === 1, { error: 'must have exactly one `*`' })
    .optional()
    .describe('The name each key gets: its `*` becomes what the `*` of `keys` matched'),
  transform: z
    .enum(['camel', 'upper-camel', 'lower-snake', 'lower-kebab', 'tf-var', 'dotnet', 'dotnet-env'])
    .optional()
    .describe('How names are rewritten'),
  extract: reserved(),
  rewrite: reserved(),
});

/** Reads one item of `dataFrom`. */
export function readBulkItem(place: Place, { from, names }: ItemContext, problems: Problem[]): BulkItem | undefined {
  const later = ['extract', 'rewrite'].flatMap((word) => place.children.get(word) ?? [])[0];
  if (later !== undefined) {
    problems.push(notYetAvailable(later));
    return undefined;
  }
  const { keys, as, transform, from: own } = readFields(place, bulkItem, problems);
  const source = sourceOf(place, own, from, names, problems);
  if (from === undefined && !place.children.has('from') && place.whole) {
    problems.push(
      problemAt(place, 'this item of `dataFrom` has no source', 'name one with `from`, here or for the whole entry'),
    );
  }
  const { include, exclude } = splitGlobs(keys);
  if (as !== undefined && transform !== undefined) {
    problems.push(
      problemAtKey(
        place.children.get('transform') ?? place,
        '`as` and `transform` exclude each other',
        'keep one of them',
      ),
    );
  }
  const ambiguous = as === undefined ? undefined : include.find((glob) => starsIn(glob) !== 1);
  if (ambiguous !== undefined) {
    const asPlace = place.children.get('as') ?? place;
    problems.push(
      problemAt(
        asPlace,
        `\`as\` needs exactly one \`*\` in each glob of \`keys\`, and \`${ambiguous}\` has ${starsIn(ambiguous)}`,
      ),
    );
  }
  return { source, include, exclude, ...(as !== undefined && { as }), ...(transform !== undefined && { transform }) };
}
