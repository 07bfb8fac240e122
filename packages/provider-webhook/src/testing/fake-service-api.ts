import type { IncomingHttpHeaders } from 'node:http';
import { json } from '@hikyaku/provider-utils/testing';
import type { FakeAnswer } from '@hikyaku/provider-utils/testing';
import type { FakeServiceCollection, FakeServiceVersion } from './fake-service-collection.ts';

export interface FakeServiceCall {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

export interface FakeServiceApiOptions {
  readonly collection: FakeServiceCollection;
  readonly etags: boolean;
}

/**
 * A small REST API, in the shapes that people meet:
 *
 * | route | answer |
 * | --- | --- |
 * | `GET /api/secrets/NAME`, `?version=N` | `{ data: { value, base64, version } }` |
 * | `GET /api/raw/NAME` | the value, byte for byte |
 * | `GET /api/secrets`, `?limit=N&cursor=C` | `{ items: [{ name, value, base64, version }], total, next }` |
 * | `GET /api/map` | `{ NAME: base64 }` |
 * | `GET /api/names` | `[{ name, version }]` |
 * | `PUT`, `DELETE` `/api/secrets/NAME`, `/api/raw/NAME` | writes `{ value }`, `{ base64 }` or the body; obeys `if-match` and `if-none-match: *` |
 * | `GET /api/moved/…` | a redirect to `/api/…` |
 */
export function answerCall(call: FakeServiceCall, options: FakeServiceApiOptions): FakeAnswer {
  const [, kind = '', encoded] = /^\/api\/(\w+)(?:\/([^/]*))?$/.exec(call.url.pathname) ?? [];
  if (call.url.pathname.startsWith('/api/moved/')) {
    return { status: 307, headers: { location: `${call.url.pathname.replace('/moved', '')}${call.url.search}` } };
  }
  if (encoded !== undefined && (kind === 'secrets' || kind === 'raw')) {
    const name = decodeURIComponent(encoded);
    return call.method === 'GET' ? one(name, kind, call, options) : change(name, kind, call, options);
  }
  if (call.method !== 'GET' || encoded !== undefined) return json(404, { error: 'there is nothing at this address' });
  return conditional(call, options, `"all-${options.collection.changes}"`, () => collectionOf(kind, call, options));
}

function collectionOf(kind: string, { url }: FakeServiceCall, { collection }: FakeServiceApiOptions): FakeAnswer {
  const all = collection.names.flatMap((name) => {
    const found = collection.latest(name);
    return found === undefined ? [] : [{ name, found, readable: !collection.unreadable.has(name) }];
  });
  switch (kind) {
    case 'secrets': {
      const start = Number(url.searchParams.get('cursor') ?? 0);
      const end = start + Number(url.searchParams.get('limit') ?? all.length);
      const items = all.slice(start, end).map(({ name, found, readable }) => ({
        name,
        ...(readable ? shown(found) : { value: null, base64: null, version: found.version }),
      }));
      return json(200, { items, total: all.length, next: end < all.length ? String(end) : null });
    }
    case 'map':
      return json(
        200,
        Object.fromEntries(all.map(({ name, found, readable }) => [name, readable ? shown(found).base64 : null])),
      );
    case 'names':
      return json(
        200,
        all.map(({ name, found }) => ({ name, version: found.version })),
      );
    default:
      return json(404, { error: 'there is nothing at this address' });
  }
}

function one(name: string, kind: string, call: FakeServiceCall, options: FakeServiceApiOptions): FakeAnswer {
  const { collection } = options;
  const version = Number(call.url.searchParams.get('version') ?? 0);
  const found = version === 0 ? collection.latest(name) : collection.pinned(name, version);
  if (found === undefined) return json(404, { error: 'no such secret' });
  if (collection.unreadable.has(name)) return json(500, { error: 'it cannot be read now' });
  return conditional(call, options, `"${found.version}"`, () =>
    kind === 'raw'
      ? { status: 200, headers: { 'content-type': 'application/octet-stream' }, body: found.value }
      : json(200, { data: shown(found) }),
  );
}

function change(name: string, kind: string, call: FakeServiceCall, options: FakeServiceApiOptions): FakeAnswer {
  const { collection, etags } = options;
  const now = collection.latest(name);
  const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = call.headers;
  const isOther = ifMatch !== undefined && (now === undefined || ifMatch !== `"${now.version}"`);
  if (isOther || (ifNoneMatch === '*' && now !== undefined)) return json(412, { error: 'it is another now' });
  if (call.method === 'DELETE')
    return collection.remove(name) ? { status: 204 } : json(404, { error: 'no such secret' });
  if (call.method !== 'PUT') return json(405, { error: 'not here' });
  const value = kind === 'raw' ? call.body : valueIn(call.body);
  if (value === undefined) return json(400, { error: 'value or base64 is needed' });
  const version = collection.set(name, value);
  return json(now === undefined ? 201 : 200, { data: { version } }, etags ? { etag: `"${version}"` } : {});
}

function conditional(
  { headers }: FakeServiceCall,
  { etags }: FakeServiceApiOptions,
  etag: string,
  answer: () => FakeAnswer,
): FakeAnswer {
  if (!etags) return answer();
  if (headers['if-none-match'] === etag) return { status: 304, headers: { etag } };
  const right = answer();
  return { ...right, headers: { ...right.headers, etag } };
}

/** `value` is null for what is no text. */
function shown({ value, version }: FakeServiceVersion): {
  readonly value: string | null;
  readonly base64: string;
  readonly version: number;
} {
  const bytes = Buffer.from(value);
  const text = bytes.toString();
  return { value: Buffer.from(text).equals(bytes) ? text : null, base64: bytes.toString('base64'), version };
}

function valueIn(body: Uint8Array): Uint8Array | undefined {
  try {
    const fields = new Map<string, unknown>(Object.entries(Object(JSON.parse(Buffer.from(body).toString()))));
    const [value, base64] = [fields.get('value'), fields.get('base64')];
    if (typeof value === 'string') return Buffer.from(value);
    return typeof base64 === 'string' ? Buffer.from(base64, 'base64') : undefined;
  } catch {
    return undefined;
  }
}
