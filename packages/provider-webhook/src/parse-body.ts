import type * as z from 'zod';
import type { BodyTemplate, JsonTemplate } from './body-template.ts';
import { attempt, checkVariables } from './fields.ts';
import type { KnownVariables } from './fields.ts';
import { onlyVariable, parseTemplate, variablesIn } from './template.ts';
import type { Template } from './template.ts';

const FORM = 'application/x-www-form-urlencoded';

interface Surroundings {
  /** Of the operation, where it names one. */
  readonly contentType: Template | undefined;
  readonly variables: KnownVariables;
  readonly context: z.RefinementCtx;
}

/** The body as the config has it; what is wrong with it becomes an issue. */
export function parseBody(
  body: unknown,
  { contentType: stated, variables, context }: Surroundings,
): BodyTemplate | undefined {
  const contentType = stated?.text ?? 'application/json';
  const media = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  if (stated !== undefined && variablesIn(stated).length > 0) {
    context.addIssue({ code: 'custom', message: 'must not have a variable', path: ['headers', 'content-type'] });
    return undefined;
  }
  if (typeof body === 'string') {
    if (stated === undefined) {
      context.addIssue({
        code: 'custom',
        message:
          'needs `headers: { content-type: … }` beside it when it is a text, or must be a mapping or a list, which is sent as JSON',
        path: ['body'],
      });
      return undefined;
    }
    const text = parseText(body, ['body'], variables, context);
    if (text === undefined) return undefined;
    if (variablesIn(text).length === 0 || onlyVariable(text) !== undefined || media === 'text/plain')
      return { contentType, text };
    context.addIssue({
      code: 'custom',
      message:
        isJson(media) || media === FORM
          ? `must be a mapping for ${media}, in which values are escaped`
          : `must be one variable and nothing else for ${media}, because values are not escaped in such a text`,
      path: ['body'],
    });
    return undefined;
  }
  if (typeof body !== 'object' || body === null) {
    context.addIssue({ code: 'custom', message: 'must be a mapping, a list or a text', path: ['body'] });
    return undefined;
  }
  if (media === FORM) {
    const form = Object.entries(body).map(
      ([name, value]) => [name, parseText(value, ['body', name], variables, context)] as const,
    );
    return form.every(isParsed) ? { contentType, form: new Map(form) } : undefined;
  }
  if (!isJson(media)) {
    context.addIssue({ code: 'custom', message: `must be a text for ${media}`, path: ['body'] });
    return undefined;
  }
  const json = parseJson(body, ['body'], variables, context);
  return json === undefined ? undefined : { contentType, json };
}

function parseJson(
  value: unknown,
  path: readonly (string | number)[],
  variables: KnownVariables,
  context: z.RefinementCtx,
): JsonTemplate | undefined {
  if (typeof value === 'boolean' || value === null) return { constant: value };
  if (typeof value === 'number') {
    if (Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value))) return { constant: value };
    context.addIssue({ code: 'custom', message: 'must be in quotes: no JSON number keeps it', path: [...path] });
    return undefined;
  }
  if (Array.isArray(value)) {
    const items = value.map((item: unknown, index) => parseJson(item, [...path, index], variables, context));
    return items.every((item) => item !== undefined) ? { items } : undefined;
  }
  if (typeof value !== 'object') {
    const template = parseText(value, path, variables, context);
    return template && { template };
  }
  const fields = Object.entries(value).map(([name, item]): readonly [string, JsonTemplate | undefined] => {
    if (name.includes('${')) {
      context.addIssue({ code: 'custom', message: 'must not have a variable in a name', path: [...path, name] });
    }
    return [name, parseJson(item, [...path, name], variables, context)];
  });
  return fields.every(isParsed) ? { fields: new Map(fields) } : undefined;
}

function parseText(
  value: unknown,
  path: readonly (string | number)[],
  variables: KnownVariables,
  context: z.RefinementCtx,
): Template | undefined {
  if (typeof value !== 'string') {
    context.addIssue({ code: 'custom', message: 'must be text', path: [...path] });
    return undefined;
  }
  return attempt(
    context,
    () => {
      const template = parseTemplate(value);
      checkVariables(template, variables);
      return template;
    },
    path,
  );
}

function isParsed<T>(field: readonly [string, T | undefined]): field is readonly [string, T] {
  return field[1] !== undefined;
}

function isJson(media: string): boolean {
  return media === 'application/json' || media.endsWith('+json');
}
