import { json } from '@hikyaku/provider-utils/testing';
import type { FakeAnswer } from '@hikyaku/provider-utils/testing';
import { refuse } from './fake-protocol-answer.ts';
import type { FakeProtocolCollection } from './fake-protocol-collection.ts';

export type FakeProtocolOffer = 'list' | 'write' | 'watch';

export interface FakeProtocolApiOptions {
  readonly collection: FakeProtocolCollection;
  readonly offers: readonly FakeProtocolOffer[];
  readonly pins: boolean;
  readonly revisions: boolean;
  readonly longestWaitMs: number;
}

export interface FakeProtocolCall {
  /** Method and path. */
  readonly route: string;
  /** `{}` for none. */
  readonly body: object;
  /** Aborts when whoever asked has gone, or the fake closes. */
  readonly signal: AbortSignal;
}

/** What a service of the protocol answers when nothing goes wrong. */
export async function answerCall(
  { route, body, signal }: FakeProtocolCall,
  options: FakeProtocolApiOptions,
): Promise<FakeAnswer> {
  const operation = /^POST \/v1\/(list|write|watch)$/.exec(route)?.[1];
  if (operation !== undefined && !options.offers.some((offer) => offer === operation))
    return refuse(501, 'UNSUPPORTED', `${operation} is not offered`);
  const fields = new Map<string, unknown>(Object.entries(body));
  switch (route) {
    case 'GET /v1':
      return json(200, { protocol: 'hikyaku', version: 1, offers: options.offers });
    case 'POST /v1/read':
      return read(fields, options);
    case 'POST /v1/list':
      return list(options.collection);
    case 'POST /v1/write':
      return write(fields, options.collection);
    case 'POST /v1/watch':
      return await watch(fields, signal, options);
    default:
      return refuse(404, 'NOT_FOUND', 'there is nothing at this address');
  }
}

type Fields = ReadonlyMap<string, unknown>;

function read(asked: Fields, { collection, pins, revisions }: FakeProtocolApiOptions): FakeAnswer {
  const refs = mappings(asked.get('refs'));
  if (typeof asked.get('all') !== 'boolean' || refs === undefined)
    return refuse(400, 'INVALID_CONFIG', 'all and refs are needed');
  const { revision } = collection;
  if (revisions && asked.get('revision') === revision) return json(200, { unchanged: true, revision });

  const plain = refs.filter((ref) => !ref.has('version')).map((ref) => String(ref.get('name')));
  const names = new Set(asked.get('all') === true ? [...collection.names, ...plain] : plain);
  const pinned = refs.filter((ref) => ref.has('version'));
  const secrets = [...names].flatMap((name) => {
    const found = collection.unreadable(name) === undefined ? collection.latest(name) : undefined;
    return found === undefined ? [] : [{ name, version: found.version, valueBase64: base64(found.value) }];
  });
  const unknown = [...names].flatMap((name) => {
    const error = collection.unreadable(name);
    return error === undefined ? [] : [{ name, error: { message: 'it cannot be read now', ...error } }];
  });
  return json(200, {
    complete: true,
    ...(revisions && { revision }),
    secrets,
    ...(pins && {
      pins: pinned.flatMap((ref) => {
        const found = collection.pinned(String(ref.get('name')), String(ref.get('version')));
        return found === undefined
          ? []
          : [{ name: ref.get('name'), version: found.version, valueBase64: base64(found.value) }];
      }),
    }),
    ...(unknown.length > 0 && { unknown }),
  });
}

function list(collection: FakeProtocolCollection): FakeAnswer {
  const secrets = collection.names.map((name) => ({ name, version: collection.latest(name)?.version }));
  return json(200, { complete: true, secrets });
}

function write(asked: Fields, collection: FakeProtocolCollection): FakeAnswer {
  const changes = mappings(asked.get('changes'));
  if (changes === undefined) return refuse(400, 'INVALID_CONFIG', 'changes are needed');
  return json(200, { results: changes.map((change) => applyChange(change, collection)) });
}

function applyChange(change: Fields, collection: FakeProtocolCollection): object {
  const name = String(change.get('name'));
  const error = collection.unreadable(name);
  if (error !== undefined) return { name, error };
  const now = collection.latest(name)?.version ?? null;
  if (change.has('ifVersion') && change.get('ifVersion') !== now) return { name, error: { code: 'CONFLICT' } };
  const value = change.get('valueBase64');
  if (typeof value === 'string') return { name, version: collection.set(name, Buffer.from(value, 'base64')) };
  if (change.get('remove') !== true) return { name, error: { code: 'INVALID_CONFIG' } };
  collection.remove(name);
  return { name };
}

async function watch(
  asked: Fields,
  signal: AbortSignal,
  { collection, longestWaitMs }: FakeProtocolApiOptions,
): Promise<FakeAnswer> {
  const waitMs = Math.min(Number(asked.get('waitSeconds')) * 1000, longestWaitMs);
  const enough = AbortSignal.any([signal, AbortSignal.timeout(waitMs)]);
  while (asked.get('revision') === collection.revision && !enough.aborted) await collection.changed(enough);
  return json(200, { revision: collection.revision });
}

/** `undefined` when it is not a list of objects. */
function mappings(value: unknown): readonly Fields[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const items: readonly unknown[] = value;
  const isObject = (one: unknown): one is object => typeof one === 'object' && one !== null;
  return items.every(isObject) ? items.map((one) => new Map<string, unknown>(Object.entries(one))) : undefined;
}

function base64(value: Uint8Array): string {
  return Buffer.from(value).toString('base64');
}
