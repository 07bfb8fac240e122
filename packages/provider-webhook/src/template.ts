/** Text with variables, parsed. Plain data: it is part of the config. */
export interface Template {
  readonly text: string;
  readonly parts: readonly Part[];
}

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
 * Reads `${name}`, and `${name:-text}` for a variable that may have no value; `$${` is a plain `${`. Whether a variable exists is
 * for the caller to say. Throws a {@link TemplateError}.
 */
export function parseTemplate(text: string): Template {
  return { text, parts: [...partsOf(text)] };
}

/** The text between the variables; those that stand side by side have an empty text between them. */
export function literalsIn({ parts }: Template): readonly string[] {
  const literals = [''];
  for (const part of parts) {
    if (typeof part === 'string') literals.push((literals.pop() ?? '') + part);
    else literals.push('');
  }
  return literals;
}

/** In the order of the text, with repetitions. */
export function variablesIn({ parts }: Template): readonly { readonly name: string; readonly hasFallback: boolean }[] {
  return parts.flatMap((part) =>
    typeof part === 'string' ? [] : [{ name: part.variable, hasFallback: part.fallback !== undefined }],
  );
}

/** The one variable that is the whole template. */
export function onlyVariable({ parts: [part, ...others] }: Template): string | undefined {
  return others.length === 0 && typeof part === 'object' ? part.variable : undefined;
}

/** Two templates: what is before the first `mark` outside of variables, and what is after it. */
export function splitTemplate(template: Template, mark: string): readonly [Template, Template | undefined] {
  const { text, parts } = template;
  for (const [index, part] of parts.entries()) {
    const at = typeof part === 'string' ? part.indexOf(mark) : -1;
    if (typeof part !== 'string' || at === -1) continue;
    const before = [...parts.slice(0, index), part.slice(0, at)];
    const after = [part.slice(at + mark.length), ...parts.slice(index + 1)];
    return [
      { text, parts: before },
      { text, parts: after },
    ];
  }
  return [template, undefined];
}

/** `undefined` when a variable without value and fallback stands in it. `escape` gets every value, also a fallback, with its variable's name. */
export function substitute(
  { parts }: Template,
  values: Variables,
  escape: (value: string, variable: string) => string,
): string | undefined {
  let filled = '';
  for (const part of parts) {
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
    if (end === -1) throw new TemplateError('has a `${` without its `}` (write `$${` for a plain `${`)', at + 1);
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
