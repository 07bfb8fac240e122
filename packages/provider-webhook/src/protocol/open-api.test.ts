import { signNotice } from '@hikyaku/provider-utils';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { SecretValue } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import { listen } from '@hikyaku/provider-utils/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { acceptsSchema } from '../../../../tools/testbed/src/accepts-schema.ts';
import { field } from '../../../../tools/testbed/src/cluster.ts';
import { readOpenApi } from '../../../../tools/testbed/src/open-api.ts';
import { startFakeProtocol } from '../testing/index.ts';
import type { FakeProtocol, FakeProtocolFault } from '../testing/index.ts';
import { errorAnswer, readAnswer, writeAnswer } from './documents.ts';
import { buildExample, BUILD_TIMEOUT_MS } from './example-server.test.kit.ts';
import type { ExampleServer } from './example-server.test.kit.ts';
import { connectTo, settled } from './protocol.test.kit.ts';

const { signal } = new AbortController();
const api = await readOpenApi(fileURLToPath(new URL('../../../../docs/protocol.openapi.yaml', import.meta.url)));
let opened: AsyncDisposableStack;
let example: ExampleServer;
let fake: FakeProtocol;

beforeAll(async () => {
  opened = new AsyncDisposableStack();
  example = opened.use(await opened.use(await buildExample()).start({ A: '1', B: '', C: '3' }));
  fake = opened.use(await startFakeProtocol({ token: 'token', secrets: { A: '1', B: '', C: '3' } }));
}, BUILD_TIMEOUT_MS);
afterAll(() => opened.disposeAsync());

interface Exchanged {
  readonly method: string;
  readonly path: string;
  readonly request: unknown;
  readonly status: number;
  readonly answer: unknown;
}

/** A proxy that writes down what passes through it. */
async function record(target: string): Promise<{ readonly url: string; readonly exchanges: readonly Exchanged[] }> {
  const exchanges: Exchanged[] = [];
  const proxy = await listen((request, response) => {
    async function pass(): Promise<void> {
      const { method = '', url: path = '' } = request;
      const body = Buffer.concat(await request.toArray());
      const answer = await fetch(`${target}${path}`, {
        method,
        headers: { authorization: request.headers.authorization ?? '' },
        ...(body.byteLength > 0 && { body }),
      });
      const text = await answer.text();
      exchanges.push({ method, path, request: jsonOf(body.toString()), status: answer.status, answer: jsonOf(text) });
      response.writeHead(answer.status).end(text);
    }
    pass().catch(() => response.destroy());
  });
  return { url: opened.use(proxy).url, exchanges };
}

function jsonOf(text: string): unknown {
  return text === '' ? undefined : JSON.parse(text);
}

/** Everything that the client can ask, with answers of every kind that the service has. */
async function exchangeAll(url: string, token: string): Promise<void> {
  const connection = connectTo(url, opened, { credentials: { token } });
  const { client, read } = connection;
  const value = SecretValue.of(Uint8Array.of(0, 255));
  const [first] = await client.list({ signal });
  await read({ all: false, refs: [{ name: 'A' }, { name: 'none' }, { name: 'A', version: first?.version ?? '1' }] });
  const previous = await read();
  await read({ previous });
  const watching = client.watch({ signal });
  const change = watching.next();
  const results = await client.write(
    [
      { name: 'new', value, ifVersion: null },
      { name: 'A', value: SecretValue.of('') },
      { name: 'A', value, ifVersion: 'another' },
      { name: 'C', remove: true },
    ],
    { signal },
  );
  expect(results.map(({ error }) => error?.code)).toEqual([undefined, undefined, 'CONFLICT', undefined]);
  await change;
  await watching.return(undefined);
  const stranger = connectTo(url, opened, { credentials: { token: 'another' } });
  await expect(stranger.read()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  await expect(stranger.client.list({ signal })).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
}

describe('what is sent is what the document says', () => {
  test.each(['the fake', 'the example in Go'])('with %s', async (which) => {
    const { url, exchanges } = await record(which === 'the fake' ? fake.url : example.url);
    if (which === 'the fake') fake.setUnreadable('B', { code: 'RATE_LIMITED', retryAfterSeconds: 3 });
    await exchangeAll(url, which === 'the fake' ? 'token' : example.token);
    for (const { method, path, request, status, answer } of exchanges) {
      const shown = `${method} ${path} ${status} ${JSON.stringify({ request, answer })}`;
      expect(api.acceptsRequest(method, path, request), shown).toBe(true);
      expect(api.acceptsAnswer(method, path, status, answer), shown).toBe(true);
    }
    expect(new Set(exchanges.map(({ path, status }) => `${path} ${status}`))).toEqual(
      new Set(['/v1 200', '/v1 401', '/v1/read 200', '/v1/read 401', '/v1/list 200', '/v1/write 200', '/v1/watch 200']),
    );
    const paths = new Set(exchanges.map(({ path }) => path));
    expect([...paths].toSorted()).toEqual(Object.keys(Object(field(api.document, 'paths'))).toSorted());
  });
});

describe('what the client refuses, the document refuses', () => {
  test.each<FakeProtocolFault['kind']>([
    'text',
    'list',
    'empty',
    'no-complete',
    'not-complete',
    'no-secrets',
    'wrong-type',
    'plain-text',
    'null-version',
  ])('%s', async (kind) => {
    const clock = new FakeClock();
    const { url, exchanges } = await record(fake.url);
    const { read } = connectTo(url, opened, { credentials: { token: 'token' }, clock });
    fake.fail({ kind, times: 3 });
    expect(await settled(read(), clock)).toMatchObject({ code: 'INVALID_RESPONSE' });
    expect(exchanges).toHaveLength(3);
    for (const { answer } of exchanges) expect(api.acceptsAnswer('POST', '/v1/read', 200, answer)).toBe(false);
  });

  test.each([
    [{ complete: true, secrets: [{ name: '', valueBase64: '' }] }],
    [{ complete: true, secrets: [{ name: 'A\0', valueBase64: '' }] }],
    [{ complete: true, secrets: [{ name: 'x'.repeat(1025), valueBase64: '' }] }],
    [{ complete: true, secrets: [{ name: 'A', valueBase64: 'YQ' }] }],
    [{ complete: true, secrets: [], pins: [{ name: 'A', valueBase64: 'YQ==' }] }],
    [{ complete: true, secrets: [], unknown: [{ name: 'A', error: { code: 'NOT_FOUND' } }] }],
    [{ unchanged: true, revision: 'r', complete: true, secrets: [] }],
    [{ unchanged: true }],
    [{ unchanged: false, complete: true, secrets: [] }],
    [{ complete: true, revision: '', secrets: [] }],
  ])('%j', (answer) => {
    expect(readAnswer.safeParse(answer).success).toBe(false);
    expect(api.acceptsAnswer('POST', '/v1/read', 200, answer)).toBe(false);
  });

  test('the codes of errors are the same', () => {
    const schema = (name: string): unknown => field(api.document, 'components', 'schemas', name, 'properties', 'error');
    const codes = (name: string): unknown => field(schema(name), 'properties', 'code', 'enum');
    const [, content] = readAnswer.options;
    expect(codes('Error')).toEqual(errorAnswer.shape.error.shape.code.options);
    expect(codes('Unknown')).toEqual(content.shape.unknown.unwrap().element.shape.error.shape.code.options);
    const result = writeAnswer.shape.results.element;
    expect(codes('WriteResult')).toEqual(result.shape.error.unwrap().shape.code.options);
  });
});

test('the examples of docs/protocol.md fit', async () => {
  const page = await readFile(fileURLToPath(new URL('../../../../docs/protocol.md', import.meta.url)), 'utf8');
  const examples = [...page.matchAll(/^\$ curl -s .*\$url(\/v1\S*)(?: -d '(.*)')?\n(.*)$/gm)];
  const paths = new Set<string>();
  for (const [shown, path = '', request = '', answer = ''] of examples) {
    paths.add(path);
    const method = request === '' ? 'GET' : 'POST';
    expect(api.acceptsRequest(method, path, jsonOf(request)), shown).toBe(true);
    expect(api.acceptsAnswer(method, path, 200, jsonOf(answer)), shown).toBe(true);
  }
  expect([...paths].toSorted()).toEqual(Object.keys(Object(field(api.document, 'paths'))).toSorted());
});

test('a notice has the headers and the body of the document', () => {
  const body = { type: 'secrets.changed', timestamp: '2026-01-01T00:00:00Z' };
  const secret = SecretValue.of(`whsec_${Buffer.alloc(24).toString('base64')}`);
  const headers = new Map<string, unknown>(
    Object.entries(signNotice(JSON.stringify(body), { id: 'msg_1', now: 0, secret })),
  );
  const notice = field(api.document, 'webhooks', 'secretsChanged', 'post');
  const parameters = [field(notice, 'parameters')].flat();
  expect(parameters.map((one) => field(one, 'name'))).toEqual([...headers.keys()]);
  for (const one of parameters)
    expect(acceptsSchema(field(one, 'schema'), headers.get(String(field(one, 'name'))))).toBe(true);
  expect(acceptsSchema(field(notice, 'requestBody', 'content', 'application/json', 'schema'), body)).toBe(true);
});

describe('the document itself', () => {
  const text = { type: 'string', minLength: 1 };
  const strict = (required: readonly string[], properties: object): object => ({
    type: 'object',
    required,
    properties: { description: text, ...properties },
    additionalProperties: false,
  });
  const content = strict(['application/json'], {
    'application/json': strict(['schema'], { schema: { type: 'object' } }),
  });
  const parameter = strict(['name', 'in', 'schema'], {
    name: text,
    in: { enum: ['header', 'path', 'query', 'cookie'] },
    required: { type: 'boolean' },
    schema: { type: 'object' },
  });
  const response = strict(['description'], {
    content,
    headers: { type: 'object', additionalProperties: strict(['schema'], { schema: { type: 'object' } }) },
  });
  const operation = strict(['operationId', 'summary', 'responses'], {
    operationId: text,
    summary: text,
    security: { type: 'array' },
    parameters: { type: 'array', items: parameter },
    requestBody: strict(['content'], { required: { type: 'boolean' }, content }),
    responses: {
      type: 'object',
      propertyNames: { pattern: '^(default|[1-5]([0-9]{2}|XX))$' },
      additionalProperties: response,
    },
  });
  const paths = (pattern: string): object => ({
    type: 'object',
    propertyNames: { pattern },
    additionalProperties: strict([], { get: operation, post: operation }),
  });
  /** The part of OpenAPI 3.1 that is used here. */
  const openApi = strict(['openapi', 'info', 'paths'], {
    openapi: { type: 'string', pattern: '^3\\.1\\.\\d+$' },
    info: strict(['title', 'version'], {
      title: text,
      version: text,
      license: strict(['name'], { name: text, identifier: text }),
    }),
    servers: {
      type: 'array',
      items: strict(['url'], {
        url: text,
        variables: { type: 'object', additionalProperties: strict(['default'], { default: text }) },
      }),
    },
    security: { type: 'array' },
    paths: paths('^/'),
    webhooks: paths(''),
    components: { type: 'object' },
  });

  test('is OpenAPI 3.1, without a word that it does not have', () => {
    expect(acceptsSchema(openApi, api.document)).toBe(true);
  });

  test('has only schemas that can be read, and says what each operation is for', () => {
    const schemas = Object(field(api.document, 'components', 'schemas'));
    // An unknown word throws.
    for (const schema of Object.values(schemas))
      for (const value of [{}, [], '', 0, null]) acceptsSchema(schema, value);
    expect(Object.keys(schemas).length).toBeGreaterThan(20);
  });
});
