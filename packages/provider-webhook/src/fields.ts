import * as z from 'zod';
import { headerNameProblem, isHeaderValue } from './header-rules.ts';
import { JsonPath, JsonPathError } from './json-path.ts';
import { parseTemplate, substitute, TemplateError, variablesIn } from './template.ts';
import type { Template } from './template.ts';
import { parseUrlTemplate } from './url-template.ts';
import type { UrlTemplate } from './url-template.ts';

/** Which variables an operation has. */
export interface KnownVariables {
  readonly always: readonly string[];
  /** Have no value in some requests. */
  readonly sometimes?: readonly string[];
  /** Values of secrets: only in a body, because addresses and headers are logged on the way. */
  readonly secret?: readonly string[];
}

/** `namePath` is for paths only: elsewhere a slash means nothing. */
const NAME_PATH = 'namePath';

/** A JSONPath. */
export function jsonPath(description: string): z.ZodType<string, string> {
  return z
    .string()
    .superRefine((text, context) => void attempt(context, () => JsonPath.compile(text)))
    .describe(description);
}

/** A JSONPath that names one value: finding none says that the answer has another shape, not that there is nothing. */
export function singularPath(description: string): z.ZodType<string, string> {
  return z
    .string()
    .superRefine((text, context) => {
      attempt(context, () => {
        if (JsonPath.compile(text).isSingular) return;
        throw new JsonPathError(
          'must name one value, with names and indexes only: an answer of another shape would pass for an empty one',
          1,
        );
      });
    })
    .describe(description);
}

export function urlField({ always, sometimes = [] }: KnownVariables): z.ZodType<UrlTemplate, string> {
  const inPath = { always: always.includes('name') ? [...always, NAME_PATH] : always, sometimes };
  return z
    .string()
    .transform((text, context) => {
      const parsed = attempt(context, () => {
        const url = parseUrlTemplate(text);
        checkVariables(url.path, inPath);
        if (url.query !== undefined) checkVariables(url.query, { always, sometimes });
        return url;
      });
      return parsed ?? z.NEVER;
    })
    .describe('Path and query below the `url` of the source, such as `/secrets/${name}`.');
}

export function queryField(variables: KnownVariables) {
  const { always, sometimes = [] } = variables;
  return z
    .record(z.string().min(1), templateField({ always: [...always, ...sometimes] }))
    .transform((query): ReadonlyMap<string, Template> => new Map(Object.entries(query)))
    .describe('Parameters added to the url. One with a variable that has no value now is left out.');
}

export function headersField(variables: KnownVariables) {
  const { always, sometimes = [] } = variables;
  return z
    .record(z.string(), templateField({ always, sometimes }))
    .superRefine((headers, context) => {
      for (const [name, template] of Object.entries(headers)) {
        const problem = problemOfHeader(name, template, Object.keys(headers));
        if (problem !== undefined) context.addIssue({ code: 'custom', message: problem, path: [name] });
      }
    })
    .transform(
      (headers): ReadonlyMap<string, Template> =>
        new Map(Object.entries(headers).map(([name, template]) => [name.toLowerCase(), template])),
    )
    .describe('Headers that are no secret. Those with credentials stand in `headers` of the source.');
}

function problemOfHeader(name: string, template: Template, names: readonly string[]): string | undefined {
  const problem = headerNameProblem(name);
  if (problem !== undefined) return `may not be here: the header ${problem}`;
  const lower = name.toLowerCase();
  if (lower === 'authorization' || lower === 'cookie') {
    return 'may not be here: it is a credential, which stands in `token`, `basic` or `headers` of the source';
  }
  if (names.some((other) => other !== name && other.toLowerCase() === lower)) return 'must not be there twice';
  const values = new Map(variablesIn(template).map((variable) => [variable.name, 'x']));
  const shown = substitute(template, values, (value) => value) ?? '';
  return isHeaderValue(shown) ? undefined : 'must be visible ASCII characters, with spaces only between them';
}

/** Text with variables. */
function templateField(variables: KnownVariables): z.ZodType<Template, string> {
  return z.string().transform((text, context) => {
    const parsed = attempt(context, () => {
      const template = parseTemplate(text);
      checkVariables(template, variables);
      return template;
    });
    return parsed ?? z.NEVER;
  });
}

/** Throws a {@link TemplateError}. */
export function checkVariables(template: Template, { always, sometimes = [], secret = [] }: KnownVariables): void {
  for (const { name, hasFallback } of variablesIn(template)) {
    const at = positionOf(template.text, name);
    if (sometimes.includes(name) && !hasFallback) {
      throw new TemplateError(
        `must say what stands for \`${name}\` when there is none, as in \`\${${name}:-text}\`, or have it in \`query\``,
        at,
      );
    }
    if (!always.includes(name) && !sometimes.includes(name) && !secret.includes(name)) {
      const known = [...always, ...sometimes, ...secret].map((one) => `\`${one}\``).join(', ');
      throw new TemplateError(
        `has an unknown variable \`${name}\`${known === '' ? '; there are none here' : `; known here: ${known}`}`,
        at,
      );
    }
  }
}

function positionOf(text: string, variable: string): number {
  return text.search(new RegExp(String.raw`(?<!\$)\$\{${variable}[:}]`)) + 1;
}

/**
 * Turns the errors of the parsers into an issue with the position in the text; `undefined` then. `path` is where the text stands,
 * below the context's own place.
 */
export function attempt<T>(
  context: z.RefinementCtx,
  parse: () => T,
  path: readonly (string | number)[] = [],
): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof TemplateError) && !(error instanceof JsonPathError)) throw error;
    context.addIssue({ code: 'custom', message: `${error.message}, at character ${error.at}`, path: [...path] });
    return undefined;
  }
}
