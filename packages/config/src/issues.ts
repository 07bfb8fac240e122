import type { Schema, SchemaIssue } from './schema.ts';
import { inputSchema, propertiesAt } from './json-schema-parts.ts';
import { didYouMean } from './nearest.ts';
import { isMapping, kindOf, nameOf } from './place.ts';
import type { Place } from './place.ts';
import { problemAt, problemAtKey } from './problem.ts';
import type { Problem } from './problem.ts';

/** An issue of any Standard Schema; zod's say more than the standard asks for. */
interface Issue extends SchemaIssue {
  readonly code?: unknown;
  readonly keys?: unknown;
  readonly expected?: unknown;
  readonly values?: unknown;
  readonly errors?: unknown;
  readonly issues?: unknown;
  readonly options?: unknown;
}

const NOT_YET = 'is not yet available';

/** `` `pushes` is not yet available ``, at the word itself. */
export function notYetAvailable(place: Place, word = nameOf(place.path)): Problem {
  return problemAtKey(place, `${word} ${NOT_YET}`);
}

/** `` `name` is missing ``, at the mapping that lacks it. */
export function missing(place: Place, key: string, suggestion?: string): Problem {
  return problemAt({ ...place, path: [...place.path, key] }, `\`${key}\` is missing`, suggestion);
}

/** `` unknown key `kye` ``, at the key. */
export function unknownKey(place: Place, key: string, known: Iterable<string>): Problem {
  return problemAtKey(childOrAbsent(place, key), `unknown key \`${key}\``, didYouMean(key, known));
}

/** `` `resync` must be text, got a number ``, at the value. */
export function wrongKind(place: Place, expected: string): Problem {
  const got = kindOf(place.value);
  const quotes =
    expected === 'text' && (got === 'a number' || got === 'true or false') ? 'put it in quotes' : undefined;
  return problemAt(place, `${nameOf(place.path)} must be ${expected}, got ${got}`, quotes);
}

/**
 * Turns what a schema says about the value at `place` into problems with positions. Never prints a value: an issue of a
 * library that quotes it has it cut out.
 *
 * `also` are words known beside the schema's own, for suggestions.
 */
export function issueProblems(
  place: Place,
  issues: readonly SchemaIssue[],
  schema: Schema,
  also: readonly string[] = [],
): readonly Problem[] {
  const knownKeys: KnownKeys = (path) => {
    const known = propertiesAt(inputSchema(schema), path);
    return path.length === 0 ? [...known, ...also] : known;
  };
  return issues.flatMap((issue) => describe(place, issue, knownKeys));
}

type KnownKeys = (path: readonly string[]) => readonly string[];

function describe(root: Place, issue: Issue, knownKeys: KnownKeys): readonly Problem[] {
  const path = (issue.path ?? []).map((part) => (typeof part === 'object' ? part.key : part)).map(normalPart);
  const { place, absent } = descend(root, path);
  const parts = path.map(String);

  if (issue.code === 'unrecognized_keys' && Array.isArray(issue.keys)) {
    const known = knownKeys(parts);
    return issue.keys.map((key) => unknownKey(place, String(key), known));
  }
  if (absent !== undefined) {
    if (issue.expected === 'never') return [];
    return [missing(place, absent)];
  }
  if (issue.expected === 'never') return [notYetAvailable(place)];
  if (issue.code === 'invalid_union' && isIssues(issue.errors) && issue.message === 'Invalid input') {
    const branches = issue.errors;
    const branch = nearestBranch(branches, place.value);
    if (branch === undefined) {
      const expected = [...new Set(branches.flatMap((errors) => errors.slice(0, 1)).map(expectation))];
      return [wrongKind(place, expected.join(' or '))];
    }
    return branch.flatMap((inner) => describe(root, { ...inner, path: [...path, ...(inner.path ?? [])] }, knownKeys));
  }
  if (issue.code === 'invalid_key' && isIssueList(issue.issues)) {
    return issue.issues
      .slice(0, 1)
      .map(({ message }) => problemAtKey(place, `the key ${nameOf(place.path)} ${message}`));
  }
  if (issue.message.startsWith('Invalid ') && typeof issue.expected === 'string')
    return [wrongKind(place, expectation(issue))];
  // The options of a discriminated union are the values of its discriminator.
  const words = Array.isArray(issue.values) ? issue.values : issue.options;
  if (issue.message.startsWith('Invalid ') && Array.isArray(words)) {
    const near = typeof place.value === 'string' ? didYouMean(place.value, words.map(String)) : undefined;
    return [problemAt(place, `${nameOf(place.path)} must be ${oneOf(words)}`, near)];
  }
  return [problemAt(place, sentence(place, issue))];
}

/** What an issue asked for, in plain words. */
function expectation({ expected, values, message }: Issue): string {
  if (Array.isArray(values)) return oneOf(values);
  if (typeof expected !== 'string') return message;
  return KINDS[expected] ?? expected;
}

function oneOf(values: readonly unknown[]): string {
  const list = values.map((value) => `\`${String(value)}\``).join(', ');
  return values.length > 1 ? `one of ${list}` : list;
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  null: 'nothing',
};

/** The branch of a union that was meant: one that takes this kind of value, with the fewest complaints. */
function nearestBranch(branches: readonly (readonly Issue[])[], value: unknown): readonly Issue[] | undefined {
  return branches
    .filter((issues) => !issues.some((issue) => refusesKind(issue, value)))
    .toSorted((a, b) => a.length - b.length)[0];
}

function refusesKind({ path, code, values }: Issue, value: unknown): boolean {
  if ((path?.length ?? 0) > 0) return false;
  if (code === 'invalid_value' && Array.isArray(values)) return !values.some((one) => typeof one === typeof value);
  return code === 'invalid_type';
}

function sentence(place: Place, issue: Issue): string {
  let { message } = issue;
  const { value } = place;
  if (issue.code === undefined && typeof value === 'string' && value !== '') message = message.replaceAll(value, '…');
  if (/^(must|needs|may) /.test(message)) return `${nameOf(place.path)} ${message}`;
  return `${nameOf(place.path)}: ${message.charAt(0).toLowerCase()}${message.slice(1)}`;
}

function descend(root: Place, path: readonly (string | number)[]): { readonly place: Place; readonly absent?: string } {
  let place = root;
  for (const part of path) {
    const child = place.children.get(part);
    if (child === undefined) return { place, absent: String(part) };
    place = child;
  }
  return { place };
}

function childOrAbsent(place: Place, key: string): Place {
  return place.children.get(key) ?? { ...place, path: [...place.path, key] };
}

function normalPart(part: PropertyKey): string | number {
  return typeof part === 'number' ? part : String(part);
}

function isIssueList(value: unknown): value is readonly Issue[] {
  return Array.isArray(value) && value.every((issue) => isMapping(issue) && typeof issue['message'] === 'string');
}

function isIssues(value: unknown): value is readonly (readonly Issue[])[] {
  return Array.isArray(value) && value.every(isIssueList);
}
