import { isProviderError, ProviderError } from '@hikyaku/core';
import type { SecretsClient } from '@hikyaku/core';
import { describe, expect, test } from 'vitest';
import { sayingSealedOn } from './sealed-on.ts';

const { signal } = new AbortController();
const credentials = {
  sealedAt: new Map([['token', '2026-03-01T10:00:00.000Z']]),
  sealedPaths: new Map([['token', 'providers.homelab.token.perCluster.home']]),
};
const refused = new ProviderError('UNAUTHENTICATED', 'Doppler refused the token (401).', { retryAfterMs: 7 });

function failing(refusal: ProviderError): SecretsClient {
  return sayingSealedOn(
    {
      read: () => Promise.reject(refusal),
      list: () => Promise.reject(refusal),
      write: async ([change]) => [{ name: change?.name ?? '', error: refusal }],
      // oxlint-disable-next-line require-yield -- it fails before it has something
      async *watch() {
        throw refusal;
      },
    },
    credentials,
  );
}

async function errorOf(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    () => undefined,
    (error: unknown) => error,
  );
}

async function drain(events: AsyncIterable<void> | undefined): Promise<void> {
  for await (const _ of events ?? []);
}

const request = { all: true, refs: [], signal, progress() {} };

describe('a refused credential that was sealed', () => {
  const calls: readonly [string, (client: SecretsClient) => Promise<unknown>][] = [
    ['read', async (client) => await errorOf(client.read(request))],
    ['list', async (client) => await errorOf(client.list?.({ signal }) ?? Promise.resolve())],
    ['write', async (client) => (await client.write?.([{ name: 'A', remove: true }], { signal }))?.[0]?.error],
    ['watch', async (client) => await errorOf(drain(client.watch?.({ signal })))],
  ];

  test.each(calls)('is said with its date: %s', async (_, call) => {
    const error = await call(failing(refused));
    expect(isProviderError(error)).toBe(true);
    expect(error).toMatchObject({
      code: 'UNAUTHENTICATED',
      retryable: false,
      retryAfterMs: 7,
      message:
        'Doppler refused the token (401). token was sealed on 2026-03-01: has it been revoked? Seal a new one: hikyaku seal providers.homelab.token.perCluster.home',
    });
  });

  test.each(calls)('other errors stay as they are: %s', async (_, call) => {
    const other = new ProviderError('UNAVAILABLE', 'no answer');
    expect(await call(failing(other))).toBe(other);
  });
});

test('what a client cannot do, it cannot do here either', () => {
  const client = sayingSealedOn({ read: () => Promise.reject(refused) }, credentials);
  expect(Object.keys(client)).toEqual(['read']);
});
