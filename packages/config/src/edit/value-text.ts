/** What may be written: texts, true or false, lists and mappings of them. */
export type EditValue = string | boolean | readonly EditValue[] | { readonly [key: string]: EditValue };

type EditMapping = { readonly [key: string]: EditValue };

/** Whether it holds a text of several lines, which stands in lines of its own where it can. */
export function hasLines(value: EditValue): boolean {
  if (typeof value === 'string') return isLines(value);
  return typeof value === 'object' && Object.values(value).some((inner) => hasLines(inner));
}

export function isEditMapping(value: EditValue): value is EditMapping {
  return typeof value === 'object' && !Array.isArray(value);
}

/** On one line. */
export function flowText(value: EditValue): string {
  if (typeof value === 'string') return scalarText(value);
  if (typeof value === 'boolean') return String(value);
  if (!isEditMapping(value)) return `[${value.map(flowText).join(', ')}]`;
  const pairs = Object.entries(value).map(([key, inner]) => `${scalarText(key)}: ${flowText(inner)}`);
  return pairs.length === 0 ? '{}' : `{ ${pairs.join(', ')} }`;
}

/** The pairs of a mapping on lines of their own, without line breaks. The lines of a text stand at the column `body` at least. */
export function blockLines(mapping: EditMapping, indent: string, step: string, body = 0): readonly string[] {
  return Object.entries(mapping).flatMap(([key, value]) => {
    const head = `${indent}${scalarText(key)}:`;
    if (!hasLines(value)) return [`${head} ${flowText(value)}`];
    if (typeof value === 'string') return [`${head} |`, ...literalLines(value, (indent + step).padEnd(body))];
    return isEditMapping(value)
      ? [head, ...blockLines(value, indent + step, step, body)]
      : [`${head} ${flowText(value)}`];
  });
}

/** The value with the mappings around it that make the path. */
export function nest(path: readonly string[], value: EditValue): EditValue {
  return path.reduceRight<EditValue>((inner, key) => ({ [key]: inner }), value);
}

/** The same in block style: each key of the path on a line of its own. `undefined` for what is no mapping, or needs no lines. */
export function linesAt(
  path: readonly string[],
  value: EditValue,
  indent: string,
  step: string,
  body: number,
): readonly string[] | undefined {
  const [key, ...rest] = path;
  if (key === undefined)
    return isEditMapping(value) && hasLines(value) ? blockLines(value, indent, step, body) : undefined;
  if (rest.length === 0) return blockLines({ [key]: value }, indent, step, body);
  const inner = linesAt(rest, value, indent + step, step, body) ?? [];
  return [`${indent}${scalarText(key)}:`, ...inner];
}

/** The lines of a literal block scalar, without its header. */
export function literalLines(text: string, indent: string): readonly string[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => (line === '' ? '' : indent + line));
}

/** Lines that a literal block scalar can hold as they are; what ends them does not matter. */
function isLines(text: string): boolean {
  return text.includes('\n') && /^[!-~][\n -~]*$/.test(text);
}

function scalarText(text: string): string {
  const isPlain = /^[A-Za-z][\w./-]*$/.test(text) && !/^(true|false|null)$/i.test(text);
  return isPlain ? text : JSON.stringify(text);
}
