import { didYouMean } from './nearest.ts';
import type { Place } from './place.ts';
import { problemAt } from './problem.ts';
import type { Problem } from './problem.ts';

/** The sources that entries may name in `from`; absent when the files that name them could not all be read. */
export type SourceNames = ReadonlySet<string> | undefined;

/** The source of `place`: its own `from`, or the one around it. An empty name when there is none: that is in `problems` then. */
export function sourceOf(
  place: Place,
  own: string | undefined,
  around: string | undefined,
  names: SourceNames,
  problems: Problem[],
): string {
  const from = place.children.get('from');
  if (from === undefined) return around ?? '';
  if (own !== undefined) checkSource(from, own, names, problems);
  return own ?? '';
}

/** A problem where `name`, which stands at `place`, is no source. */
export function checkSource(place: Place, name: string, names: SourceNames, problems: Problem[]): void {
  if (names === undefined || names.has(name)) return;
  const what = names.size === 0 ? 'no source is named under `providers`' : undefined;
  problems.push(
    problemAt(place, `there is no source \`${name}\``, what ?? didYouMean(name, names) ?? 'name it under `providers`'),
  );
}
