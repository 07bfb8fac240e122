import { isNode, isScalar } from 'yaml';
import type { YAMLMap } from 'yaml';
import type { EditableText } from './editable-text.ts';
import { byHand } from './edit-error.ts';
import { endOfPair, isFlow, startOf } from './find-value.ts';
import type { Found } from './find-value.ts';
import { indentOf, stepOf } from './indentation.ts';
import { flowText, linesAt, nest } from './value-text.ts';
import type { EditValue } from './value-text.ts';

/** Puts a value at `path`, of which nothing is there, into the last of `maps`: at its end, but `recipients` above the sources. */
export function insertValue(
  editable: EditableText,
  maps: Found['maps'],
  path: readonly string[],
  value: EditValue,
): void {
  const { source } = editable;
  const map = maps.at(-1) ?? maps[0];
  const last = map.items.at(-1);
  if (maps.some(isFlow)) {
    const pairText = flowText(nest(path, value)).slice(2, -2);
    if (last === undefined) {
      const at = startOf(map) + 1;
      editable.replace(at, at, ` ${pairText}${source[at] === '}' ? ' ' : ''}`);
    } else {
      const at = endOfPair(last, source);
      editable.replace(at, at, `, ${pairText}`);
    }
    return;
  }
  if (last === undefined) throw byHand();
  const end = endOfPair(last, source);
  const beyond = editable.columnBeyondComments(end);
  const lines = linesAt(path, value, indentOf(editable, map), stepOf(editable, maps), beyond) ?? [];
  const above = maps.length === 1 && path[0] === 'recipients' ? placeAboveSources(editable, map) : undefined;
  if (above === undefined) editable.insertLinesAfter(end, lines);
  else editable.replace(above, above, lines.map((line) => line + editable.eolNear(above)).join(''));
}

/** The line where `providers` begins, with the comment right above it, unless that is the head of the file. */
function placeAboveSources(editable: EditableText, map: YAMLMap): number | undefined {
  const { source } = editable;
  const pair = map.items.find(({ key }) => isScalar(key) && key.value === 'providers');
  if (pair === undefined || !isNode(pair.key)) return undefined;
  const line = editable.lineStart(startOf(pair.key));
  if (source.slice(line, startOf(pair.key)).trim() !== '') return undefined;
  let above = line;
  while (above > 0) {
    const previous = editable.lineStart(above - 1);
    const text = source.slice(previous, above).trim();
    if (text === '') return above;
    if (!text.startsWith('#')) break;
    above = previous;
  }
  return line;
}
