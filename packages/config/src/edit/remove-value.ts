import { isNode } from 'yaml';
import type { Pair, YAMLMap } from 'yaml';
import { formatPath } from '../place.ts';
import { checkEdit } from './check-edit.ts';
import { ConfigEditError } from './edit-error.ts';
import { EditableText } from './editable-text.ts';
import { colonEnd, endOfPair, findValue, isFlow, startOf } from './find-value.ts';

/**
 * The text of a config file without what stands at `path`: its lines, where it has lines of its own. The last one of a mapping leaves `{}`.
 * Throws a {@link ConfigEditError}, also when there is nothing.
 */
export function removeValue(text: string, path: readonly string[]): string {
  const editable = new EditableText(text);
  const { maps, pairs } = findValue(editable, path);
  const pair = pairs.at(-1);
  if (pair === undefined || pairs.length < path.length)
    throw new ConfigEditError(`there is no ${formatPath(path)} in this file`);
  const map = maps.at(-1) ?? maps[0];
  if (maps.some(isFlow)) removeFromFlow(editable, map, pair);
  else removeLines(editable, map.items.length === 1 ? pairs.at(-2) : undefined, pair);
  return checkEdit(editable, path, undefined);
}

function removeLines(editable: EditableText, emptied: Pair | undefined, pair: Pair): void {
  const { source } = editable;
  const start = editable.lineStart(keyStart(pair));
  const end = source.indexOf('\n', endOfPair(pair, source));
  if (source.slice(start, keyStart(pair)).trim() !== '')
    throw new ConfigEditError('the key is written in a way that cannot be changed in place: edit it by hand');
  editable.replace(start, end === -1 ? source.length : end + 1, '');
  if (emptied !== undefined) editable.replace(colonEnd(emptied), colonEnd(emptied), ' {}');
}

function removeFromFlow(editable: EditableText, map: YAMLMap, pair: Pair): void {
  const { source } = editable;
  const start = keyStart(pair);
  const end = endOfPair(pair, source);
  const next = map.items[map.items.indexOf(pair) + 1];
  if (next !== undefined) {
    editable.replace(start, keyStart(next), '');
    return;
  }
  const spaces = /[ \t]*$/.exec(source.slice(0, start))?.[0].length ?? 0;
  editable.replace(start - spaces, end, '');
  // The comma behind it; else the one before it, which may be on another line with a comment in between.
  const comma = commaOf(map, pair, 1) ?? commaOf(map, pair, 0);
  if (comma !== undefined && (comma < start - spaces || comma >= end)) editable.replace(comma, comma + 1, '');
}

/** Where the comma is that separates a pair from what is before it, or with `1` from what is behind it. */
function commaOf({ srcToken }: YAMLMap, pair: Pair, further: 0 | 1): number | undefined {
  const items = srcToken?.type === 'flow-collection' ? srcToken.items : [];
  const index = items.findIndex((item) => item === pair.srcToken);
  return items[index + further]?.start.find(({ type }) => type === 'comma')?.offset;
}

function keyStart({ key }: Pair): number {
  return isNode(key) ? startOf(key) : 0;
}
