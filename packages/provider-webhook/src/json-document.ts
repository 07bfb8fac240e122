import { ProviderError } from '@hikyaku/core';
import { JsonPath, JsonPathLimitError, MAX_DEPTH } from './json-path.ts';
import type { Found, Location } from './json-path.ts';
import { JsonSource } from './json-source.ts';

const MAX_VALUES = 200_000;

/** A JSON text and what is in it. Values come out as they were written there. */
export class JsonDocument {
  readonly root: Found;
  /** In messages: "the answer of nas.lan for secret A". */
  readonly label: string;
  readonly #source: JsonSource;
  readonly #paths = new Map<string, JsonPath>();

  private constructor(root: unknown, source: JsonSource, label: string) {
    this.root = { value: root, location: [] };
    this.#source = source;
    this.label = label;
  }

  /** Throws `INVALID_RESPONSE`; the message begins with the label and quotes nothing of the text. */
  static parse(body: Uint8Array, label: string): JsonDocument {
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(body);
    } catch {
      throw invalid(`${label} is not JSON: it is not UTF-8 text`);
    }
    let root: unknown;
    try {
      root = JSON.parse(text);
    } catch {
      throw invalid(`${label} is not JSON. Check that \`url\` is right and that no proxy answers in its place`);
    }
    const source = new JsonSource(text);
    if (!source.isWithin({ levels: MAX_DEPTH, values: MAX_VALUES })) {
      throw invalid(
        `${label} is JSON of more than ${MAX_DEPTH} levels or ${MAX_VALUES} values, which no list of secrets has`,
      );
    }
    return new JsonDocument(root, source, label);
  }

  /** What a JSONPath finds, seen from `from`. */
  find(path: string, from: Found = this.root): readonly Found[] {
    try {
      return this.#compile(path)
        .find(from.value)
        .map(({ value, location }) => ({ value, location: [...from.location, ...location] }));
    } catch (error) {
      if (!(error instanceof JsonPathLimitError)) throw error;
      throw invalid(`${this.label} is too large for ${path}`);
    }
  }

  /** The one thing that a JSONPath finds; `undefined` when it finds nothing. Several are `INVALID_RESPONSE`. */
  findOne(path: string, from: Found = this.root): Found | undefined {
    const [found, ...others] = this.find(path, from);
    if (others.length === 0) return found;
    throw invalid(`${path} finds ${others.length + 1} values in ${this.label}, and only one is of use`);
  }

  #compile(path: string): JsonPath {
    const compiled = this.#paths.get(path) ?? JsonPath.compile(path);
    this.#paths.set(path, compiled);
    return compiled;
  }

  /**
   * Strings as they are; numbers and booleans as they were written; objects and arrays as they were written, without the white
   * space between. `undefined` for null.
   */
  textOf({ value, location }: { readonly value: unknown; readonly location: Location }): string | undefined {
    if (value === null) return undefined;
    if (typeof value !== 'string') return this.#source.textAt(location);
    if (!value.isWellFormed()) throw invalid(`${this.label} holds a string that is not well-formed Unicode`);
    return value;
  }
}

function invalid(message: string): ProviderError {
  return new ProviderError('INVALID_RESPONSE', message);
}
