import { isCollection, isMap, isNode, isScalar } from 'yaml';
import type { Node, Pair } from 'yaml';
import { isSame } from './check-edit.ts';
import type { EditableText } from './editable-text.ts';
import { byHand } from './edit-error.ts';
import { fillValue } from './fill-value.ts';
import { bodyOf, colonEnd, endOf, hasProperties, isFlow, isNothing, startOf } from './find-value.ts';
import type { Found } from './find-value.ts';
import { indentOf, stepOf } from './indentation.ts';
import { blockLines, flowText, hasLines, isEditMapping, literalLines } from './value-text.ts';
import type { EditValue } from './value-text.ts';

/** Puts a value in the place of what stands behind the key of `pair`, which is in the last of `maps`. */
export function replaceValue(editable: EditableText, maps: Found['maps'], pair: Pair, value: EditValue): void {
  const { source } = editable;
  if (!isNode(pair.value) || isNothing(pair.value)) {
    fillValue(editable, maps, pair, [], value);
    return;
  }
  const before = pair.value;
  if (isSame(before.toJS(editable.document), value)) return;
  const inside = isEditMapping(value) ? pairsLike(before, value) : undefined;
  if (inside !== undefined && isMap(before)) {
    for (const [one, oneValue] of inside) replaceValue(editable, [...maps, before], one, oneValue);
    return;
  }
  const colon = colonEnd(pair);
  const inFlow = maps.some(isFlow);
  const map = maps.at(-1) ?? maps[0];
  const step = stepOf(editable, maps);
  const inner = indentOf(editable, map) + step;
  const [start, end] = [startOf(before), endOf(before, source)];
  if (typeof value === 'string' && hasLines(value) && !inFlow && isBlockScalar(before)) {
    replaceBlockScalar(editable, before, inner, value);
  } else if (inFlow || !hasLines(value) || typeof value === 'string' || !isEditMapping(value)) {
    replaceInline(editable, before, colon, value, inFlow);
  } else if (!source.slice(colon, start).includes('\n')) {
    editable.replace(colon, end, '');
    editable.insertLinesAfter(end, blockLines(value, inner, step, editable.columnBeyondComments(end)));
  } else {
    const column = editable.columnOf(start);
    if (column <= editable.columnOf(startOf(map))) throw byHand();
    const [first = '', ...others] = blockLines(value, ' '.repeat(column), step, editable.columnBeyondComments(end));
    editable.replace(start, end, first.trimStart());
    editable.insertLinesAfter(end, others);
  }
}

/** The pairs of a mapping with the very keys of the value, each with what is to stand there: then the mapping itself stays as it is. */
function pairsLike(
  before: Node,
  value: Readonly<Record<string, EditValue>>,
): readonly (readonly [Pair, EditValue])[] | undefined {
  if (!isMap(before) || before.items.length !== Object.keys(value).length) return undefined;
  const pairs: (readonly [Pair, EditValue])[] = [];
  for (const pair of before.items) {
    const key = isScalar(pair.key) && typeof pair.key.value === 'string' ? pair.key.value : undefined;
    const inner = key === undefined || !Object.hasOwn(value, key) ? undefined : value[key];
    if (inner === undefined || hasProperties(pair)) return undefined;
    pairs.push([pair, inner]);
  }
  return pairs;
}

/** By something that has no lines of its own. */
function replaceInline(editable: EditableText, before: Node, colon: number, value: EditValue, inFlow: boolean): void {
  const { source } = editable;
  const [start, end] = [startOf(before), endOf(before, source)];
  const isBlock = !inFlow && isCollection(before) && !isFlow(before);
  if (isBlock && isEditMapping(value) && Object.keys(value).length > 0) {
    const lines = blockLines(value, ' '.repeat(editable.columnOf(start)), '');
    editable.replace(start, end, lines.join(editable.eolNear(start)).trimStart());
  } else if (isBlock && source.slice(colon, start).trim() === '') editable.replace(colon, end, ` ${flowText(value)}`);
  else editable.replace(start, end, flowText(value));
}

function replaceBlockScalar(editable: EditableText, before: Node, indent: string, text: string): void {
  if (!isScalar(before) || before.srcToken?.type !== 'block-scalar') return;
  const { source } = editable;
  const token = before.srcToken;
  const header = token.props.find(({ type }) => type === 'block-scalar-header');
  const [start, end] = bodyOf(token, source);
  if (header === undefined || !('source' in header)) throw byHand();
  const body = source.slice(start, end);
  const own = /^(?:[ \t]*\r?\n)*( +)\S/.exec(body)?.[1] ?? indent;
  editable.replace(header.offset, header.offset + header.source.length, '|');
  const lines = literalLines(text, own.padEnd(editable.columnBeyondComments(body === '' ? header.offset : end)));
  if (body === '') editable.insertLinesAfter(header.offset, lines);
  else editable.replace(start, end, lines.join(editable.eolNear(start)));
}

function isBlockScalar(node: Node): boolean {
  return isScalar(node) && node.srcToken?.type === 'block-scalar';
}
