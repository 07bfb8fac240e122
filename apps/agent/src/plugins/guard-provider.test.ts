import { defineProvider, ProviderError, SecretValue } from '@hikyaku/core';
import type { NoticeVerdict, Provider, ProviderContext, ReadRequest, SecretsClient, Snapshot } from '@hikyaku/core';
import { createContext } from '@hikyaku/provider-testing';
import { expect, test } from 'vitest';
import { guardProvider } from './guard-provider.ts';

const options = { name: './nas.ts', placeOf: () => '/config/nas.ts:7' };

/** A plug-in in JavaScript may give back anything. */
function plugIn(client: object, more: object = {}): Provider {
  const provider = defineProvider<unknown>({
    type: 'nas',
    config: { '~standard': { version: 1, vendor: 'own', validate: (value) => ({ value }) } },
    describe: () => ({ identity: 'nas', origins: [] }),
    connect: () => client as SecretsClient,
  });
  return guardProvider({ ...provider, ...more }, options);
}

async function connect(client: object): Promise<SecretsClient> {
  await using context: ProviderContext & AsyncDisposable = createContext();
  return await plugIn(client).connect({}, context);
}

async function read(answer: unknown, request: Partial<ReadRequest> = {}): Promise<Snapshot> {
  const client = await connect({ read: async () => answer });
  const signal = new AbortController().signal;
  return await client.read({ all: true, refs: [], signal, progress: () => {}, ...request });
}

test('a good answer passes as it is, also one made with another copy of core', async () => {
  class OtherValue {
    readonly bytes = Buffer.from('value');
    reveal = () => this.bytes;
    equals = () => false;
  }
  const snapshot = { secrets: new Map([['a', { value: new OtherValue() }]]), revision: '1' };
  expect(await read(snapshot)).toBe(snapshot);
  const previous = { secrets: new Map([['a', { value: SecretValue.of('value'), version: '1', readAt: 5 }]]) };
  expect(await read(previous, { previous })).toBe(previous);
});

test.each<[string, unknown]>([
  ['nothing', undefined],
  ['a plain object of values', { a: 'hunter2' }],
  ['secrets that are no Map', { secrets: { a: { value: SecretValue.of('hunter2') } } }],
  ['values that are text', { secrets: new Map([['a', { value: 'hunter2' }]]) }],
  ['values without an object around', { secrets: new Map([['a', SecretValue.of('hunter2')]]) }],
  ['names that are no text', { secrets: new Map([[1, { value: SecretValue.of('hunter2') }]]) }],
  ['versions that are no text', { secrets: new Map([['a', { value: SecretValue.of('hunter2'), version: 2 }]]) }],
  ['unknown names without an error', { secrets: new Map(), unknown: new Map([['a', 'failed']]) }],
  ['a list of unknown names', { secrets: new Map(), unknown: ['a'] }],
  ['a revision that is no text', { secrets: new Map(), revision: 7 }],
])('an answer that is %s is an error for the author, never an absence, and is not quoted', async (_, answer) => {
  const error = await read(answer).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ name: 'ProviderError', code: 'INVALID_RESPONSE' });
  expect(String(error)).toMatch(
    /what `read` of the plug-in `\.\/nas\.ts` returns makes no sense: .*a bug of the plug-in/,
  );
  expect(String(error)).not.toContain('hunter2');
});

test('progress is checked in the same way', async () => {
  const handed: Snapshot[] = [];
  const client = await connect({
    async read(request: { progress(partial: unknown): void }) {
      request.progress({ secrets: new Map() });
      request.progress({});
    },
  });
  const progress = (partial: Snapshot) => handed.push(partial);
  const signal = new AbortController().signal;
  await expect(client.read({ all: true, refs: [], signal, progress })).rejects.toMatchObject({
    code: 'INVALID_RESPONSE',
  });
  expect(handed).toHaveLength(1);
});

test('its own ProviderErrors pass; of other errors only kind and place are shown', async () => {
  const own = new ProviderError('RATE_LIMITED', 'slowly', { retryAfterMs: 5 });
  const failing = await connect({ read: () => Promise.reject(own) });
  const request = { all: true, refs: [], signal: new AbortController().signal, progress: () => {} };
  await expect(failing.read(request)).rejects.toBe(own);
  const buggy = await connect({ read: () => Promise.reject(new RangeError('hunter2')) });
  const error = await buggy.read(request).catch((reason: unknown) => reason);
  expect(String(error)).toBe(
    'ProviderError: `read` of the plug-in `./nas.ts` failed with an unexpected RangeError at /config/nas.ts:7; this is a bug of the plug-in',
  );
});

test('an aborted read rejects with the reason of its signal', async () => {
  const stop = new AbortController();
  const client = await connect({
    async read() {
      stop.abort('enough');
      throw new Error('aborted');
    },
  });
  const request = { all: true, refs: [], signal: stop.signal, progress: () => {} };
  await expect(client.read(request)).rejects.toBe('enough');
});

test('what the client cannot do, it cannot do behind the guard either; what it can keeps its `this`', async () => {
  class Client {
    closed = false;
    read = async () => ({ secrets: new Map() });
    list = async () => [{ name: String(this.closed) }];
    async [Symbol.asyncDispose]() {
      this.closed = true;
    }
  }
  const client = await connect(new Client());
  expect(Object.keys(client).toSorted()).toEqual(['list', 'read']);
  await client[Symbol.asyncDispose]?.();
  expect(await client.list?.({ signal: new AbortController().signal })).toEqual([{ name: 'true' }]);
});

test('a connection without `read` is an error for the author', async () => {
  await expect(connect({})).rejects.toThrow('what `connect` of the plug-in `./nas.ts` returns makes no sense');
});

test('the type is what stands in the config, whatever the provider calls itself', () => {
  expect(plugIn({}).type).toBe('./nas.ts');
});

test('a verdict about a notice is checked, and says nothing of what was sent', () => {
  const notice = { body: Buffer.from('hunter2'), headers: {}, now: 0 };
  const verdict = (answer: unknown) =>
    plugIn({}, { verifyNotice: () => answer as NoticeVerdict }).verifyNotice?.(notice, SecretValue.of('key'));
  expect(verdict({ genuine: true, id: 'a', more: 1 })).toEqual({ genuine: true, id: 'a' });
  expect(JSON.stringify(verdict({ genuine: false, because: 'not hunter2' }))).not.toContain('hunter2');
  for (const answer of [undefined, true, Promise.resolve({ genuine: true }), { genuine: 1 }, { genuine: true, id: 7 }])
    expect(() => verdict(answer)).toThrow('what `verifyNotice` of the plug-in `./nas.ts` returns makes no sense');
  expect(plugIn({})).not.toHaveProperty('verifyNotice');
});
