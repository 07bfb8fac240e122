import type { Pair } from 'yaml';
import type { EditableText } from './editable-text.ts';
import { colonEnd, isFlow } from './find-value.ts';
import type { Found } from './find-value.ts';
import { indentOf, stepOf } from './indentation.ts';
import { flowText, hasLines, linesAt, literalLines, nest } from './value-text.ts';
import type { EditValue } from './value-text.ts';

/** Puts a value at `path` behind a key that has none yet. */
export function fillValue(
  editable: EditableText,
  maps: Found['maps'],
  pair: Pair,
  path: readonly string[],
  value: EditValue,
): void {
  const colon = colonEnd(pair);
  const step = stepOf(editable, maps);
  const indent = indentOf(editable, maps.at(-1) ?? maps[0]) + step;
  const beyond = editable.columnBeyondComments(colon);
  const lines = linesAt(path, value, indent, step, beyond);
  if (!maps.some(isFlow) && lines !== undefined) editable.insertLinesAfter(colon, lines);
  else if (!maps.some(isFlow) && typeof value === 'string' && hasLines(value)) {
    editable.replace(colon, colon, ' |');
    editable.insertLinesAfter(colon, literalLines(value, indent.padEnd(beyond)));
  } else {
    const text = flowText(nest(path, value));
    editable.replace(colon, colon, `${editable.source[colon - 1] === ':' ? '' : ':'} ${text}`);
  }
}
