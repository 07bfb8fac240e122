import { ProviderError } from '@hikyaku/core';
import type { SecretValue } from '@hikyaku/core';
import { Template } from './template.ts';
import type { Variables } from './template.ts';

/** A value of JSON whose strings are templates. Names are not. */
export type JsonTemplate =
  | Template
  | number
  | boolean
  | null
  | readonly JsonTemplate[]
  | { readonly [name: string]: JsonTemplate };

/** What a body is made of. Only `text` is not escaped: it is one variable, or plain text. */
export type BodyTemplate = { readonly contentType: string } & (
  | { readonly json: JsonTemplate }
  | { readonly form: ReadonlyMap<string, Template> }
  | { readonly text: Template }
);

/** `secret` gives `value` its bytes, where the body is nothing else. */
export function fillBody(body: BodyTemplate, variables: Variables, secret?: SecretValue): string | Uint8Array {
  if ('json' in body) return JSON.stringify(fillJson(body.json, variables));
  if ('form' in body) {
    const fields = [...body.form].map(([name, template]): [string, string] => [name, filled(template, variables)]);
    return new URLSearchParams(fields).toString();
  }
  if (secret !== undefined && body.text.onlyVariable === 'value') return secret.reveal();
  return filled(body.text, variables);
}

function fillJson(template: JsonTemplate, variables: Variables): unknown {
  if (template instanceof Template) return filled(template, variables);
  if (Array.isArray(template)) return template.map((item: JsonTemplate) => fillJson(item, variables));
  if (typeof template !== 'object' || template === null) return template;
  return Object.fromEntries(Object.entries(template).map(([name, value]) => [name, fillJson(value, variables)]));
}

function filled(template: Template, variables: Variables): string {
  const text = template.substitute(variables, (value) => value);
  if (text !== undefined) return text;
  throw new ProviderError(
    'UNSUPPORTED',
    'the value is not UTF-8 text, which `${value}` in a JSON, form or text body is: use `${valueBase64}`, or `body: "${value}"`',
  );
}
