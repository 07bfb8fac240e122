import { ProviderError } from '@hikyaku/core';
import type { SecretValue } from '@hikyaku/core';
import { onlyVariable, substitute } from './template.ts';
import type { Template, Variables } from './template.ts';

/** A value of JSON whose strings are templates. Names are not. */
export type JsonTemplate =
  | { readonly template: Template }
  | { readonly constant: number | boolean | null }
  | { readonly items: readonly JsonTemplate[] }
  | { readonly fields: ReadonlyMap<string, JsonTemplate> };

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
  if (secret !== undefined && onlyVariable(body.text) === 'value') return secret.reveal();
  return filled(body.text, variables);
}

function fillJson(json: JsonTemplate, variables: Variables): unknown {
  if ('template' in json) return filled(json.template, variables);
  if ('constant' in json) return json.constant;
  if ('items' in json) return json.items.map((item) => fillJson(item, variables));
  return Object.fromEntries([...json.fields].map(([name, value]) => [name, fillJson(value, variables)]));
}

function filled(template: Template, variables: Variables): string {
  const text = substitute(template, variables, (value) => value);
  if (text !== undefined) return text;
  throw new ProviderError(
    'UNSUPPORTED',
    'the value is not UTF-8 text, and such a body takes only text for `${value}`: use `${valueBase64}`, or `body: "${value}"`',
  );
}

/** All templates of a body. */
export function templatesIn(body: BodyTemplate): readonly Template[] {
  if ('form' in body) return [...body.form.values()];
  return 'text' in body ? [body.text] : templatesInJson(body.json);
}

function templatesInJson(json: JsonTemplate): readonly Template[] {
  if ('template' in json) return [json.template];
  if ('constant' in json) return [];
  return ('items' in json ? json.items : [...json.fields.values()]).flatMap(templatesInJson);
}
