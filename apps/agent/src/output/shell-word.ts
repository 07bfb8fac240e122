import { printable } from './printable.ts';

/**
 * One word of a line to copy into a shell: nothing in it ends the word, or is run. What begins with a dash is a flag all the same,
 * as quotes do not change that: such a name belongs behind something else.
 */
export function shellWord(text: string): string {
  // zsh takes `=ls` for a path.
  if (/^(?!=)[\w@%+=:,./-]+$/.test(text)) return text;
  // fish takes a backslash between single quotes for more than itself.
  return `'${printable(text).replaceAll(/['\\]/g, String.raw`'\$&'`)}'`;
}

/** With a space before it; nothing where there is no value. */
export function shellFlag(name: string, value: string | undefined): string {
  return value === undefined ? '' : ` ${name} ${shellWord(value)}`;
}
