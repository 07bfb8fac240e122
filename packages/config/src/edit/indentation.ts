import { isMap } from 'yaml';
import type { YAMLMap } from 'yaml';
import type { EditableText } from './editable-text.ts';
import { isFlow, startOf } from './find-value.ts';
import type { Found } from './find-value.ts';

/** What stands before the keys of a mapping. */
export function indentOf(editable: EditableText, map: YAMLMap): string {
  return isFlow(map) ? '' : ' '.repeat(editable.columnOf(startOf(map)));
}

/** How much deeper each level of this file stands. */
export function stepOf(editable: EditableText, maps: Found['maps']): string {
  const [root] = maps;
  const columns = maps.filter((map) => !isFlow(map)).map((map) => editable.columnOf(startOf(map)));
  const inside = root.items.flatMap(({ value }) =>
    isMap(value) && !isFlow(value) ? [editable.columnOf(startOf(value)) - editable.columnOf(startOf(root))] : [],
  );
  const deeper = [(columns.at(-1) ?? 0) - (columns.at(-2) ?? Infinity), ...inside].find((width) => width > 0);
  return ' '.repeat(deeper ?? 2);
}
