/** What stands in a template: text, or a variable with what is put in its place when it has no value. */
type Part = string | { readonly variable: string; readonly fallback?: string };

/** The values of a template's variables; one that has none now is absent or `undefined`. */
export type Variables = ReadonlyMap<string, string | undefined>;

/** Why a text is no template. `at` counts characters from 1. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/**
 * Text with variables: `${name}`, or `${name:-text}` for a variable that may have no value. `$${` is a plain `${`. Parsed once,
 * so that a mistake is found when the config is read; whether a variable exists here is for the caller to say.
 */
export class Template {
  readonly text: string;
  readonly #parts: readonly Part[];

  private constructor(text: string, parts: readonly Part[]) {
    this.text = text;
    this.#parts = parts;
  }

  /** Throws a {@link TemplateError}. */
  static parse(text: string): Template {
    return new Template(text, [...partsOf(text)]);
  }

  /** The text between the variables; those that stand side by side have an empty text between them. */
  get literals(): readonly string[] {
    const literals = [''];
    for (const part of this.#parts) {
      if (typeof part === 'string') literals.push((literals.pop() ?? '') + part);
      else literals.push('');
    }
    return literals;
  }

  /** In the order of the text, with repetitions. */
  get variables(): readonly { readonly name: string; readonly hasFallback: boolean }[] {
    return this.#parts.flatMap((part) =>
      typeof part === 'string' ? [] : [{ name: part.variable, hasFallback: part.fallback !== undefined }],
    );
  }

  /** The one variable that is the whole template. */
  get onlyVariable(): string | undefined {
    const [part, ...others] = this.#parts;
    return others.length === 0 && typeof part === 'object' ? part.variable : undefined;
  }

  /** Two templates: what is before the first `mark` outside of variables, and what is after it. */
  splitAt(mark: string): readonly [Template, Template | undefined] {
    for (const [index, part] of this.#parts.entries()) {
      if (typeof part !== 'string') continue;
      const at = part.indexOf(mark);
      if (at === -1) continue;
      const before = [...this.#parts.slice(0, index), part.slice(0, at)];
      const after = [part.slice(at + mark.length), ...this.#parts.slice(index + 1)];
      return [new Template(this.text, before), new Template(this.text, after)];
    }
    return [this, undefined];
  }

  /** `undefined` when a variable without value and fallback stands in it. `escape` gets every value, also a fallback, with its variable's name. */
  substitute(values: Variables, escape: (value: string, variable: string) => string): string | undefined {
    let filled = '';
    for (const part of this.#parts) {
      if (typeof part === 'string') {
        filled += part;
        continue;
      }
      const value = values.get(part.variable) ?? part.fallback;
      if (value === undefined) return undefined;
      filled += escape(value, part.variable);
    }
    return filled;
  }

  toJSON(): string {
    return this.text;
  }
}

const VARIABLE = /^([A-Za-z][A-Za-z0-9]*)(?::-(.*))?$/s;

function* partsOf(text: string): Iterable<Part> {
  let from = 0;
  for (;;) {
    const at = text.indexOf('${', from);
    if (at === -1) {
      if (from < text.length) yield text.slice(from);
      return;
    }
    if (text[at - 1] === '$' && at > from) {
      yield `${text.slice(from, at - 1)}\${`;
      from = at + 2;
      continue;
    }
    if (at > from) yield text.slice(from, at);
    const end = text.indexOf('}', at);
    if (end === -1) {
      throw new TemplateError('has a `${` without its `}` (write `$${` for a plain `${`)', at + 1);
    }
    const [, variable, fallback] = VARIABLE.exec(text.slice(at + 2, end)) ?? [];
    if (variable === undefined) {
      throw new TemplateError(
        'has a `${…}` that does not hold the name of a variable (write `$${` for a plain `${`)',
        at + 1,
      );
    }
    yield { variable, ...(fallback !== undefined && { fallback }) };
    from = end + 1;
  }
}
