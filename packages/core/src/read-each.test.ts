import { expect, test } from 'vitest';
import { ProviderError } from './provider-error.ts';
import { readEach } from './read-each.ts';
import { SecretValue } from './secret-value.ts';
import { refId } from './secrets-client.ts';
import type { ReadRequest, Secret } from './secrets-client.ts';

const signal = new AbortController().signal;
const request = (refs: ReadRequest['refs'], more: Partial<ReadRequest> = {}): ReadRequest => ({
  all: false,
  refs,
  signal,
  progress() {},
  ...more,
});
const secret = (text: string): Secret => ({ value: SecretValue.of(text) });

test('an unknown name is absent, not an error', async () => {
  const read = readEach(async ({ name }) => (name === 'a' ? secret('1') : undefined));
  const snapshot = await read(request([{ name: 'a' }, { name: 'b' }]));
  expect([...snapshot.secrets.keys()]).toEqual(['a']);
  expect(snapshot.unknown).toBeUndefined();
});

test('of everything, only what is wanted is asked for', async () => {
  const asked: string[] = [];
  const get = async ({ name }: { readonly name: string }) => {
    asked.push(name);
    return secret(name);
  };
  const read = readEach(get, { list: async () => ['DB_A', 'MAIL_A', 'DB_B'] });
  await read(request([{ name: 'x' }], { all: true, wants: (name) => name.startsWith('DB_') }));
  expect(asked.toSorted()).toEqual(['DB_A', 'DB_B', 'x']);
});

test('one failure is put into unknown and the others are read', async () => {
  const read = readEach(async ({ name }) => {
    if (name === 'b') throw new ProviderError('UNAVAILABLE', 'b is down');
    return secret(name);
  });
  const snapshot = await read(request([{ name: 'a' }, { name: 'b' }, { name: 'c' }]));
  expect([...snapshot.secrets.keys()]).toEqual(['a', 'c']);
  expect(snapshot.unknown?.get('b')?.code).toBe('UNAVAILABLE');
});

test('a refused credential ends the read', async () => {
  const read = readEach(async () => {
    throw new ProviderError('UNAUTHENTICATED', 'no');
  });
  await expect(read(request([{ name: 'a' }]))).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
});

test('the same secrets give the previous snapshot itself', async () => {
  const read = readEach(async ({ name }) => secret(name));
  const previous = await read(request([{ name: 'a' }]));
  expect(await read(request([{ name: 'a' }], { previous }))).toBe(previous);
});

test('a pinned version and the latest are two secrets', async () => {
  const read = readEach(async ({ version }) => secret(version ?? 'latest'));
  const snapshot = await read(request([{ name: 'a' }, { name: 'a', version: '3' }]));
  expect(snapshot.secrets.get(refId({ name: 'a', version: '3' }))?.value.text()).toBe('3');
  expect(snapshot.secrets.get('a')?.value.text()).toBe('latest');
});

test('no more calls run at once than allowed', async () => {
  let running = 0;
  let most = 0;
  const read = readEach(
    async ({ name }) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running--;
      return secret(name);
    },
    { concurrency: 3 },
  );
  await read(request(Array.from({ length: 12 }, (_, i) => ({ name: `s${i}` }))));
  expect(most).toBe(3);
});

test('everything is refused without a list, and read with one', async () => {
  const get = async ({ name }: { name: string }) => secret(name);
  await expect(readEach(get)(request([], { all: true }))).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  const snapshot = await readEach(get, { list: async () => ['x', 'y'] })(request([], { all: true }));
  expect([...snapshot.secrets.keys()]).toEqual(['x', 'y']);
});
