import { Malformed } from './malformed.ts';
import { parseEntries } from './text-format.ts';
import type { Edited, Entries, TextFormat } from './text-format.ts';

export type TextChange = { readonly name: string } & (
  | { readonly value: string }
  | { readonly value?: undefined; readonly remove: true }
);

/** Makes one change, and reads the result back: a text that does not say exactly what was meant is a problem, and not used. */
export function changeText(format: TextFormat, text: string, change: TextChange): Edited {
  const before = parseEntries(format, text);
  const entry = before.get(change.name);
  if (entry?.value === change.value && (entry === undefined) === (change.value === undefined)) return { text };

  const edited = edit(format, text, before, change);
  if (edited.problem !== undefined) return edited;
  let after: Entries;
  try {
    after = parseEntries(format, edited.text);
  } catch (error) {
    if (error instanceof Malformed) return { problem: 'this format cannot hold such a name or value there' };
    throw error;
  }
  const expected = new Map([...before].map(([name, { value }]) => [name, value]));
  if (change.value === undefined) expected.delete(change.name);
  else expected.set(change.name, change.value);
  const same =
    after.size === expected.size &&
    [...after].every(([name, { value }]) => expected.has(name) && expected.get(name) === value);
  return same ? edited : { problem: 'the file cannot be changed without changing something else in it' };
}

function edit(format: TextFormat, text: string, before: Entries, change: TextChange): Edited {
  if (change.value !== undefined) return format.put(text, before, change.name, change.value);
  const entry = before.get(change.name);
  return entry === undefined ? { text } : format.remove(text, before, entry);
}
