import type { Position } from './config.ts';
import { formatPath } from './place.ts';
import type { Place } from './place.ts';

/** One thing that is wrong in a config file. Holds no value of a field that could be secret. */
export interface Problem {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 code units. */
  readonly column: number;
  /** The place within the file: `secrets[2].data.password.key`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  /** What to do, or the nearest right word. */
  readonly suggestion?: string;
}

/** One problem a line, `file:line:column: path: message; suggestion`. No colours, no trailing newline. */
export function formatProblems(problems: readonly Problem[]): string {
  return problems
    .map(({ file, line, column, path, message, suggestion }) => {
      const where = path === '' ? '' : `${path}: `;
      return `${file}:${line}:${column}: ${where}${message}${suggestion === undefined ? '' : `; ${suggestion}`}`;
    })
    .join('\n');
}

/** A problem of the value at `place`. */
export function problemAt(place: Place, message: string, suggestion?: string): Problem {
  return makeProblem(place, place.position, message, suggestion);
}

/** A problem of the key at `place`: it should not be there, or is misspelt. */
export function problemAtKey(place: Place, message: string, suggestion?: string): Problem {
  return makeProblem(place, place.keyPosition, message, suggestion);
}

export function byPosition(a: Problem, b: Problem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column;
}

function makeProblem({ path }: Place, position: Position, message: string, suggestion?: string): Problem {
  return { ...position, path: formatPath(path), message, ...(suggestion !== undefined && { suggestion }) };
}
