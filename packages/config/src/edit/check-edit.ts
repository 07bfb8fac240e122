import { isDeepStrictEqual } from 'node:util';
import { isMapping } from '../place.ts';
import { EditableText } from './editable-text.ts';
import { ConfigEditError } from './edit-error.ts';
import type { EditValue } from './value-text.ts';

/** Gives the new text, if it says what the old one said but for `value` at `path` (`undefined`: nothing). Throws a ConfigEditError. */
export function checkEdit(before: EditableText, path: readonly string[], value: EditValue | undefined): string {
  const text = before.toString();
  if (!isAsMeant(before, text, path, value))
    throw new ConfigEditError(
      'the file cannot be changed in place without a change of something else: edit it by hand',
    );
  return text;
}

function isAsMeant(before: EditableText, text: string, path: readonly string[], value: EditValue | undefined): boolean {
  let after: unknown;
  try {
    after = new EditableText(text).document.toJS();
  } catch {
    return false;
  }
  const wanted = withValue(before.document.toJS(), path, value);
  return isDeepStrictEqual(
    withValue(after, path, trimmed(valueAt(after, path))),
    withValue(wanted, path, trimmed(value)),
  );
}

/** A copy with another value at the path, or without one. */
function withValue(tree: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  const mapping = isMapping(tree) ? tree : {};
  const inner = withValue(mapping[key], rest, value);
  return Object.fromEntries(
    Object.entries({ ...mapping, [key]: inner }).filter(([name, content]) => name !== key || content !== undefined),
  );
}

function valueAt(tree: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((node, key) => (isMapping(node) ? node[key] : undefined), tree);
}

/** Whether the file says `value` already. */
export function isSame(found: unknown, value: EditValue): boolean {
  return isDeepStrictEqual(trimmed(found), trimmed(value));
}

/** How a text of several lines ends is up to how it is written. */
function trimmed(value: unknown): unknown {
  if (typeof value === 'string') return value.trimEnd();
  if (Array.isArray(value)) return value.map(trimmed);
  return isMapping(value)
    ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, trimmed(inner)]))
    : value;
}
