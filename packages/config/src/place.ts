import type { Position } from './config.ts';

/** One value of a config file with everything that stands below it. */
export interface Place {
  readonly file: string;
  readonly path: Path;
  /** Plain data: text, numbers, booleans, null, arrays and objects. */
  readonly value: unknown;
  /** Where the value starts, or its key when nothing is written behind it. */
  readonly position: Position;
  /** Where the key stands; for an item of a list the same as `position`. */
  readonly keyPosition: Position;
  readonly children: ReadonlyMap<string | number, Place>;
  /** Nothing here or below was refused by the YAML reader. What is not whole has been reported and is not checked further. */
  readonly whole: boolean;
}

export type Path = readonly (string | number)[];

/** `secrets[2].data["tls.crt"].key` */
export function formatPath(path: Path): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (!/^[\w-]+$/.test(part)) text += `[${JSON.stringify(part)}]`;
    else text += text === '' ? part : `.${part}`;
  }
  return text;
}

/** What a message calls the thing at `path`: `` `key` ``, or `` `keys[0]` `` for an item of a list. */
export function nameOf(path: Path): string {
  const start = path.findLastIndex((part) => typeof part === 'string');
  return start === -1 ? 'this' : `\`${path.slice(start).map(formatPart).join('')}\``;
}

/** What kind of value it is, for messages that must not print it. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (typeof value === 'string') return 'text';
  if (typeof value === 'number') return 'a number';
  if (typeof value === 'boolean') return 'true or false';
  return Array.isArray(value) ? 'a list' : 'a mapping';
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function formatPart(part: string | number): string {
  return typeof part === 'number' ? `[${part}]` : part;
}
