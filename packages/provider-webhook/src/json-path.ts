import { jsonpath } from 'json-p3';
import type { JSONValue } from 'json-p3';

/** Why a text is no JSONPath. `at` counts characters from 1. */
export class JsonPathError extends Error {
  override readonly name = 'JsonPathError';
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/** More work than any answer is worth; a document or a path was made for it. */
export class JsonPathLimitError extends Error {
  override readonly name = 'JsonPathLimitError';
}

/** Where a value was found: names and indexes from the root. */
export type Location = readonly (string | number)[];

export interface Found {
  readonly value: unknown;
  readonly location: Location;
}

/** Deeper documents are refused before they come here. */
export const MAX_DEPTH = 64;
/** About a third of a second. */
const MAX_STEPS = 1_000_000;
const MAX_LENGTH = 500;

const environment = new jsonpath.JSONPathEnvironment({ maxRecursionDepth: MAX_DEPTH + 10 });
// A regular expression can take for ever, and nothing counts its steps.
environment.functionRegister.delete('match');
environment.functionRegister.delete('search');

/** A JSONPath of RFC 9535 without the functions `match` and `search`, compiled once. */
export class JsonPath {
  /** It names at most one value, and so finding none says that the document has another shape. */
  readonly isSingular: boolean;
  readonly #query: jsonpath.JSONPathQuery;
  readonly #meter = new Meter();

  private constructor(query: jsonpath.JSONPathQuery) {
    this.isSingular = query.singularQuery();
    this.#query = query;
    meterQuery(query, this.#meter);
  }

  /** Throws a {@link JsonPathError}. */
  static compile(text: string): JsonPath {
    if (text.length > MAX_LENGTH) throw new JsonPathError(`must be at most ${MAX_LENGTH} characters long`, MAX_LENGTH);
    try {
      return new JsonPath(environment.compile(text));
    } catch (error) {
      throw toJsonPathError(error);
    }
  }

  /** Throws a {@link JsonPathLimitError} when it would take too long. */
  find(root: unknown): readonly Found[] {
    this.#meter.reset();
    try {
      return [...this.#query.query(asJson(root))];
    } catch (error) {
      // The library spreads what it finds over the stack, and has its own limit of depth.
      if (error instanceof JsonPathLimitError) throw error;
      throw new JsonPathLimitError('too much to look through', { cause: error });
    }
  }
}

/** Counts the steps of one evaluation. */
class Meter {
  #steps = 0;
  #sizes = new WeakMap<object, number>();

  reset(): void {
    this.#steps = 0;
  }

  add(steps: number): void {
    this.#steps += steps;
    if (this.#steps > MAX_STEPS) throw new JsonPathLimitError('too much to look through');
  }

  /** What comparing the value with another may take. */
  addComparison(value: unknown): void {
    this.add(this.#sizeOf(value));
  }

  #sizeOf(value: unknown): number {
    if (typeof value === 'string') return 1 + value.length / 64;
    if (typeof value !== 'object' || value === null) return 1;
    const known = this.#sizes.get(value);
    if (known !== undefined) return known;
    let size = 1;
    for (const inner of Object.values(value)) size += this.#sizeOf(inner);
    this.#sizes.set(value, size);
    return size;
  }
}

function meterQuery(query: jsonpath.JSONPathQuery, meter: Meter): void {
  for (const { selectors } of query.segments) {
    for (const selector of selectors) {
      const resolve = selector.resolve.bind(selector);
      const single =
        selector instanceof jsonpath.selectors.NameSelector || selector instanceof jsonpath.selectors.IndexSelector;
      selector.resolve = (node) => {
        meter.add(single ? 1 : 1 + childCount(node.value));
        return resolve(node);
      };
      if (selector instanceof jsonpath.selectors.FilterSelector) meterExpression(selector.expression, meter);
    }
  }
}

function meterExpression(expression: jsonpath.expressions.FilterExpression, meter: Meter): void {
  const { FilterQuery, FunctionExtension, InfixExpression, LogicalExpression, PrefixExpression } = jsonpath.expressions;
  if (expression instanceof InfixExpression) {
    meterExpression(expression.left, meter);
    meterExpression(expression.right, meter);
  } else if (expression instanceof PrefixExpression) {
    meterExpression(expression.right, meter);
  } else if (expression instanceof LogicalExpression) {
    meterExpression(expression.expression, meter);
  } else if (expression instanceof FunctionExtension) {
    for (const argument of expression.args) meterExpression(argument, meter);
  } else if (expression instanceof FilterQuery) {
    const { path } = expression;
    meterQuery(path, meter);
    const query = path.query.bind(path);
    path.query = (value) => {
      const found = query(value);
      for (const node of found) meter.addComparison(node.value);
      return found;
    };
  }
}

function childCount(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
}

function toJsonPathError(error: unknown): JsonPathError {
  const { JSONPathError } = jsonpath;
  if (!(error instanceof JSONPathError)) return new JsonPathError('is not a JSONPath (RFC 9535)', 1);
  const { value, index } = error.token;
  if (value === 'match' || value === 'search') {
    return new JsonPathError(`must not use \`${value}\`: a regular expression can take for ever`, index + 1);
  }
  const said = error.message.replace(/ \('.*':\d+\)$/s, '');
  return new JsonPathError(`is not a JSONPath (RFC 9535): ${said}`, index + 1);
}

// Every value that JSON.parse gives is one; the library's type says so recursively, which a check could only repeat.
function asJson(value: unknown): JSONValue {
  return value as JSONValue;
}
