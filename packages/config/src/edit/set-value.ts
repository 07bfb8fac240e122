import { formatPath } from '../place.ts';
import { checkEdit } from './check-edit.ts';
import { ConfigEditError } from './edit-error.ts';
import { EditableText } from './editable-text.ts';
import { findValue, isNothing } from './find-value.ts';
import { fillValue } from './fill-value.ts';
import { insertValue } from './insert-value.ts';
import { replaceValue } from './replace-value.ts';
import type { EditValue } from './value-text.ts';

/**
 * The text of a config file with `value` at `path`, whether there was one or not; mappings on the way are made, but no source. Every byte
 * that is not of the value stays. A text of several lines becomes a literal block where one can stand; how it ends is not kept. Throws a
 * {@link ConfigEditError}.
 */
export function setValue(text: string, path: readonly string[], value: EditValue): string {
  const editable = new EditableText(text);
  const { maps, pairs } = findValue(editable, path);
  if (path[0] === 'providers' && pairs.length < 2)
    throw new ConfigEditError(`there is no ${formatPath(path.slice(0, 2))} in this file`);
  const pair = pairs.at(-1);
  const missing = path.slice(pairs.length);
  if (pair !== undefined && isNothing(pair.value)) fillValue(editable, maps, pair, missing, value);
  else if (missing.length > 0) insertValue(editable, maps, missing, value);
  else if (pair !== undefined) replaceValue(editable, maps, pair, value);
  return checkEdit(editable, path, value);
}
