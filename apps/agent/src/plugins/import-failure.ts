import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Entry, ModuleHooks } from './module-hooks.ts';

const LONGEST = 300;

/** Why a plug-in could not be imported, for its author: `/path/nas.ts:3: Unexpected token`. No stack; `path` is its first file. */
export function importFailure(error: unknown, place: string | undefined, path: string): string {
  if (!(error instanceof Error)) return `${path}: it threw something that is not an Error`;
  const message = error.message.split('\n')[0]?.slice(0, LONGEST) || error.name;
  return `${place ?? placeOfImport(message, path) ?? path}: ${message}`;
}

/** Where in the plug-in an error comes from, as far as it tells: `/path/nas.ts:3`. */
export function placeOf({ stack = '' }: Error, isPlugIn: (url: string) => boolean): string | undefined {
  // Node puts the line of most syntax errors on top; other errors have frames.
  for (const [, url = '', line] of stack.matchAll(/^(?:\s*at .*?)?(file:[^\s)]+?):(\d+)(?::\d+\)?)?$/gm)) {
    if (isPlugIn(url)) return `${fileURLToPath(url)}:${line}`;
  }
  return undefined;
}

/** Node keeps the line of a syntax error in JavaScript to itself; its TypeScript parser tells it. */
export async function placeOfSyntaxError(error: Error, entry: Entry, hooks: ModuleHooks): Promise<string | undefined> {
  if (!(error instanceof SyntaxError) || entry.kind === 'package') return undefined;
  const text = entry.kind === 'bytes' ? entry.source : readFileSync(fileURLToPath(entry.url));
  // Never runs: a module whose import is refused is not evaluated.
  const source = Buffer.concat([text, Buffer.from('\nimport "never";')]);
  const url = `${entry.url}#parse`;
  try {
    await hooks.import({ kind: 'bytes', url, format: 'module-typescript', source });
    return undefined;
  } catch (parseError) {
    return parseError instanceof SyntaxError ? placeOf(parseError, (one) => one === url) : undefined;
  }
}

/** The line with the import that could not be resolved. */
function placeOfImport(message: string, path: string): string | undefined {
  const [, missing, importer = path] = /^Cannot find (?:module|package) '(.+)' imported from (.+)$/.exec(message) ?? [];
  const specifier = missing ?? /^it imports `(.+?)`/.exec(message)?.[1];
  if (specifier === undefined) return undefined;
  const name = specifier.slice(specifier.lastIndexOf('/') + 1);
  const line = readLines(importer).findIndex((text) => /\b(import|from|require)\b/.test(text) && text.includes(name));
  return line === -1 ? importer : `${importer}:${line + 1}`;
}

function readLines(path: string): readonly string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch {
    return [];
  }
}
