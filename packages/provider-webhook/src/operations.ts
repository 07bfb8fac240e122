import * as z from 'zod';
import { templatesIn } from './body-template.ts';
import type { BodyTemplate } from './body-template.ts';
import { headersField, jsonPath, queryField, singularPath, urlField } from './fields.ts';
import type { KnownVariables } from './fields.ts';
import { parseBody } from './parse-body.ts';
import { variablesIn } from './template.ts';
import type { Template } from './template.ts';
import type { UrlTemplate } from './url-template.ts';

/** How one operation asks. */
export interface RequestTemplate {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: UrlTemplate;
  readonly query: ReadonlyMap<string, Template>;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, Template>;
  readonly body?: BodyTemplate;
}

export type ReadOperation = z.infer<typeof readOperation>;
export type ReadAllOperation = z.infer<typeof readAllOperation>;
export type ListOperation = z.infer<typeof listOperation>;
export type WriteOperation = z.infer<typeof writeOperation>;
export type DeleteOperation = z.infer<typeof deleteOperation>;

const OF_ONE: KnownVariables = { always: ['name'], sometimes: ['version'] };
const OF_ALL: KnownVariables = { always: [], sometimes: ['next'] };
const OF_WRITE: KnownVariables = { always: ['name'], secret: ['value', 'valueBase64'] };
const OF_DELETE: KnownVariables = { always: ['name'] };

const decode = z
  .enum(['base64', 'base64url'])
  .optional()
  .describe('What the service encodes its values with; undone before anything else.');
const conditional = z
  .boolean()
  .default(false)
  .describe('The service refuses with 412 when `If-Match: <ETag>` or `If-None-Match: *` does not hold.');
const next = jsonPath(
  'JSONPath of the cursor of the next page, which becomes `${next}`; null, "" or nothing on the last one.',
).optional();
const total = singularPath('JSONPath of how many there are in all: fewer are an error.').optional();

/** Reads one secret. */
export const readOperation = z
  .strictObject({
    method: z.enum(['GET', 'POST']).default('GET').describe('GET by default.'),
    ...request(OF_ONE),
    result: jsonPath(
      'JSONPath of the value in the answer, which is JSON then; without it the body itself is the value.',
    ).optional(),
    version: jsonPath('JSONPath of the version in the answer; without it the version is the ETag.').optional(),
    decode,
    absent: z
      .array(z.literal([204, 404, 410, 'no-result']))
      .default([404])
      .describe('What says that a secret does not exist; `no-result`: `result` finds nothing. Only 404 by default.'),
  })
  .transform(withBody(OF_ONE))
  .superRefine(needs({ anywhere: ['name', 'namePath'], what: 'the name of the secret' }));

/** Reads everything at once. */
export const readAllOperation = z
  .strictObject({
    method: z.enum(['GET', 'POST']).default('GET').describe('GET by default.'),
    ...request(OF_ALL),
    result: singularPath(
      'JSONPath of the mapping of names to values, or of the list; the whole answer by default.',
    ).prefault('$'),
    name: jsonPath('JSONPath of the name within an item of the list.').optional(),
    value: jsonPath('JSONPath of the value within an item of the list.').optional(),
    version: jsonPath('JSONPath of the version within an item of the list.').optional(),
    decode,
    next,
    total,
  })
  .transform(withBody(OF_ALL))
  .superRefine(pagesWhole)
  .superRefine(({ name, value, version }, context) => {
    if ((name === undefined) !== (value === undefined)) {
      context.addIssue({
        code: 'custom',
        message: 'needs `name` and `value` for a list, or neither for a mapping of names to values',
      });
    } else if (name === undefined && version !== undefined) {
      context.addIssue({ code: 'custom', message: 'needs `name` and `value` beside it', path: ['version'] });
    }
  });

/** Lists the names. */
export const listOperation = z
  .strictObject({
    method: z.enum(['GET', 'POST']).default('GET').describe('GET by default.'),
    ...request(OF_ALL),
    result: singularPath('JSONPath of the list; the whole answer by default.').prefault('$'),
    name: jsonPath('JSONPath of the name within an item; without it the items are the names.').optional(),
    version: jsonPath(
      'JSONPath of the version within an item. Together with the one of `read`: what still has its version is not read again.',
    ).optional(),
    next,
    total,
  })
  .transform(withBody(OF_ALL))
  .superRefine(pagesWhole)
  .superRefine(({ name, version }, context) => {
    if (version !== undefined && name === undefined)
      context.addIssue({ code: 'custom', message: 'needs `name` beside it', path: ['version'] });
  });

/** Creates or changes one secret. */
export const writeOperation = z
  .strictObject({
    method: z.enum(['PUT', 'POST', 'PATCH']).default('PUT').describe('PUT by default.'),
    ...request(OF_WRITE),
    version: jsonPath('JSONPath of the new version in the answer; without it the version is the ETag.').optional(),
    conditional,
  })
  .transform(withBody(OF_WRITE))
  .superRefine(needs({ anywhere: ['name', 'namePath'], what: 'the name of the secret' }))
  .superRefine(needs({ anywhere: ['value', 'valueBase64'], what: 'the value' }));

/** Removes one secret. */
export const deleteOperation = z
  .strictObject({
    method: z.enum(['DELETE', 'POST', 'PUT', 'PATCH']).default('DELETE').describe('DELETE by default.'),
    ...request(OF_DELETE),
    conditional,
  })
  .transform(withBody(OF_DELETE))
  .superRefine(needs({ anywhere: ['name', 'namePath'], what: 'the name of the secret' }));

function request(variables: KnownVariables) {
  return {
    url: urlField(variables),
    query: queryField(variables).prefault({}),
    headers: headersField(variables).prefault({}),
    body: z
      .unknown()
      .optional()
      .describe(
        'A mapping or a list is sent as JSON (as a form, with that `content-type`); a text needs a `content-type` in `headers`.',
      ),
  };
}

interface Unparsed {
  readonly method: string;
  readonly headers: ReadonlyMap<string, Template>;
  readonly body?: unknown;
}

type WithBody<T> = Omit<T, 'body'> & { readonly body?: BodyTemplate };

function withBody(variables: KnownVariables) {
  return <T extends Unparsed>({ body, ...operation }: T, context: z.RefinementCtx): WithBody<T> => {
    if (body === undefined) return operation;
    if (operation.method === 'GET') {
      context.addIssue({ code: 'custom', message: 'needs a `method` that takes one, such as POST', path: ['body'] });
      return operation;
    }
    const parsed = parseBody(body, { contentType: operation.headers.get('content-type'), variables, context });
    return { ...operation, ...(parsed !== undefined && { body: parsed }) };
  };
}

function needs({ anywhere, what }: { readonly anywhere: readonly string[]; readonly what: string }) {
  return (operation: RequestTemplate, context: z.RefinementCtx): void => {
    const used = variablesOf(operation);
    if (anywhere.some((variable) => used.has(variable))) return;
    context.addIssue({
      code: 'custom',
      message: `needs ${what} somewhere: ${anywhere.map((variable) => `\`\${${variable}}\``).join(' or ')}`,
    });
  };
}

/** Neither a cursor that is not sent, nor one that is not known. */
function pagesWhole(operation: RequestTemplate & { readonly next?: unknown }, context: z.RefinementCtx): void {
  const sent = variablesOf(operation).has('next');
  if (sent === (operation.next !== undefined)) return;
  const message = sent
    ? 'needs `next`, which says where the cursor for `${next}` is'
    : 'needs `${next}` in `query`, to ask for the next page';
  context.addIssue({ code: 'custom', message });
}

/** The variables that an operation uses. */
export function variablesOf({ url, query, headers, body }: RequestTemplate): ReadonlySet<string> {
  const templates = [
    url.path,
    ...(url.query === undefined ? [] : [url.query]),
    ...query.values(),
    ...headers.values(),
    ...(body === undefined ? [] : templatesIn(body)),
  ];
  return new Set(templates.flatMap(variablesIn).map(({ name }) => name));
}
