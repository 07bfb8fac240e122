import { isAlias, isCollection, isMap, isNode, isScalar, isSeq } from 'yaml';
import type { CST, Node, Pair, YAMLMap } from 'yaml';
import type { EditableText } from './editable-text.ts';
import { ConfigEditError } from './edit-error.ts';
import { formatPath } from '../place.ts';

export interface Found {
  /** The mappings on the way, the outermost first. The last one is where `pair` stands, or where it would. */
  readonly maps: readonly [YAMLMap, ...YAMLMap[]];
  /** The pairs on the way: as many as keys of the path are there. */
  readonly pairs: readonly Pair[];
}

/** Goes as far along the path as there is something. Throws a ConfigEditError for what cannot be changed in place. */
export function findValue({ document }: EditableText, path: readonly string[]): Found {
  const { contents } = document;
  if (!isMap(contents)) throw new ConfigEditError('the file must hold a mapping');
  const maps: [YAMLMap, ...YAMLMap[]] = [contents];
  const pairs: Pair[] = [];
  for (const [depth, key] of path.entries()) {
    const map = maps.at(-1) ?? contents;
    const [pair, second] = map.items.filter((item) => isScalar(item.key) && item.key.value === key);
    const name = formatPath(path.slice(0, depth + 1));
    if (second !== undefined) throw new ConfigEditError(`${name} stands twice`);
    if (pair === undefined) break;
    refuseProperties(pair, name);
    pairs.push(pair);
    if (depth === path.length - 1 || isNothing(pair.value)) break;
    if (!isMap(pair.value)) throw new ConfigEditError(`${name} is no mapping`);
    maps.push(pair.value);
  }
  return { maps, pairs };
}

function refuseProperties(pair: Pair, name: string): void {
  if (isAlias(pair.key) || isAlias(pair.value)) throw new ConfigEditError(`${name} is a YAML alias: write it out`);
  if (hasProperties(pair)) throw new ConfigEditError(`${name} has a YAML anchor or tag: take it away`);
}

/** Whether an anchor, an alias or a tag stands here, which say more than the value. */
export function hasProperties({ key, value }: Pair): boolean {
  return [key, value].some(
    (node) => isAlias(node) || (isNode(node) && (node.anchor !== undefined || node.tag !== undefined)),
  );
}

/** Nothing is written behind the key. */
export function isNothing(value: unknown): boolean {
  return value === null || (isScalar(value) && value.range?.[0] === value.range?.[1]);
}

export function isFlow(node: unknown): boolean {
  return isCollection(node) && node.flow === true;
}

export function startOf(node: Node): number {
  return rangeOf(node)[0];
}

/** Where a value ends, without the blank lines and comments behind it, and before its last line break. */
export function endOf(node: Node, source: string): number {
  const end = rangeOf(node)[1];
  if (isScalar(node) && node.srcToken?.type === 'block-scalar') {
    const [bodyStart, bodyEnd] = bodyOf(node.srcToken, source);
    return bodyEnd > bodyStart ? bodyEnd : source.slice(0, bodyStart).replace(/\r?\n$/, '').length;
  }
  if (isFlow(node)) return end;
  if (isMap(node)) {
    const last = node.items.at(-1);
    return last === undefined ? end : endOfPair(last, source);
  }
  if (isSeq(node)) {
    const last = node.items.at(-1);
    return isNode(last) && !isNothing(last) ? endOf(last, source) : source.slice(0, end).trimEnd().length;
  }
  return end;
}

export function endOfPair(pair: Pair, source: string): number {
  const { value } = pair;
  return isNode(value) && !isNothing(value) ? endOf(value, source) : colonEnd(pair);
}

/** Behind the `:`; behind the key where there is none. */
export function colonEnd({ key, srcToken }: Pair): number {
  const colon = srcToken?.sep?.find(({ type }) => type === 'map-value-ind');
  if (colon !== undefined) return colon.offset + 1;
  return isNode(key) ? rangeOf(key)[1] : 0;
}

/** Where the lines of a block scalar stand: from the line after its header, to the end of the last one that is not blank. */
export function bodyOf(
  { props, source: body }: CST.BlockScalar,
  source: string,
): readonly [start: number, end: number] {
  const last = props.at(-1);
  const header = props.find(({ type }) => type === 'block-scalar-header');
  if (last === undefined || !('source' in last)) return [0, 0];
  const start = last.offset + last.source.length;
  const keepsBlankLines = header !== undefined && 'source' in header && header.source.includes('+');
  const text = keepsBlankLines ? body.replace(/\r?\n$/, '') : body.trimEnd();
  if (text === '') return [start, start];
  const lineBreak = source.indexOf('\n', start + text.length);
  const lineEnd = lineBreak === -1 ? source.length : lineBreak;
  return [start, source[lineEnd - 1] === '\r' ? lineEnd - 1 : lineEnd];
}

function rangeOf({ range }: Node): readonly [number, number, number] {
  if (!range) throw new TypeError('a parsed node has a range');
  return range;
}
