import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { acceptsSchema } from './accepts-schema.ts';
import { field } from './cluster.ts';

/** An OpenAPI document, to check against it what is really sent. */
export interface OpenApi {
  /** With what each `$ref` points to in its place. */
  readonly document: unknown;
  /** Whether the document has this operation and would take this body. */
  acceptsRequest(method: string, path: string, body: unknown): boolean;
  /** Whether the document has this operation and could answer so. */
  acceptsAnswer(method: string, path: string, status: number, body: unknown): boolean;
}

/** Reads a document in YAML. Throws when a `$ref` points nowhere, or outside of it. */
export async function readOpenApi(file: string): Promise<OpenApi> {
  const source: unknown = parse(await readFile(file, 'utf8'));
  const document = resolve(source, source);

  function accepts(holder: unknown, body: unknown): boolean {
    const schema = field(holder, 'content', 'application/json', 'schema');
    return schema === undefined ? body === undefined : acceptsSchema(schema, body);
  }
  return {
    document,
    acceptsRequest(method, path, body) {
      const operation = field(document, 'paths', path, method.toLowerCase());
      return operation !== undefined && accepts(field(operation, 'requestBody'), body);
    },
    acceptsAnswer(method, path, status, body) {
      const responses = field(document, 'paths', path, method.toLowerCase(), 'responses');
      const response = field(responses, String(status)) ?? (status === 200 ? undefined : field(responses, 'default'));
      return response !== undefined && accepts(response, body);
    },
  };
}

function resolve(node: unknown, source: unknown): unknown {
  if (Array.isArray(node)) return node.map((item) => resolve(item, source));
  if (typeof node !== 'object' || node === null) return node;
  const { $ref: ref, ...rest } = new Object(node) as Readonly<Record<string, unknown>>;
  const own = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, resolve(value, source)]));
  if (typeof ref !== 'string') return own;
  const target = ref.startsWith('#/') ? field(source, ...ref.slice(2).split('/')) : undefined;
  if (target === undefined) throw new Error(`${ref} points nowhere`);
  return { ...Object(resolve(target, source)), ...own };
}
