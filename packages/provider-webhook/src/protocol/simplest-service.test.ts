import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { defineProvider, SecretValue } from '@hikyaku/core';
import { testProvider } from '@hikyaku/provider-testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import webhook from '../index.ts';
import { connectTo, texts } from './protocol.test.kit.ts';

const { signal } = new AbortController();
const page = await readFile(new URL('../../../../docs/protocol.md', import.meta.url), 'utf8');
const [, source = ''] = /^```js\n(.*?)^```$/ms.exec(page) ?? [];
let opened: AsyncDisposableStack;
let url: string;

/** The service of the page, as a reader would start it. */
beforeAll(async () => {
  opened = new AsyncDisposableStack();
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    env: { TOKEN: 'token', PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  opened.defer(() => void child.kill());
  const [port] = await once(createInterface(child.stdout), 'line');
  url = `http://127.0.0.1:${port}`;
});
afterAll(() => opened.disposeAsync());

testProvider(
  test,
  // What a service offers is known only when it is asked, and the suite checks every method that is there.
  defineProvider({
    ...webhook,
    async connect(config, context) {
      const client = await webhook.connect(config, context);
      return { read: (request) => client.read(request), list: async (options) => (await client.list?.(options)) ?? [] };
    },
  }),
  () => ({
    config: { protocol: 'hikyaku', url, requestsPerMinute: 6000 },
    credentials: { token: 'token' },
    present: { name: 'DB_PASSWORD', value: 'hunter2' },
    spareName: (number) => `OTHER_${number}`,
    all: () => ['GREETING', 'DB_PASSWORD'],
  }),
  {
    without: {
      write: 'it does not offer it',
      watch: 'it does not offer it',
      names: 'its names are in its source',
      largest: 'its values are in its source',
      binary: 'its values are in its source',
      empty: 'its values are in its source',
      set: 'its secrets are in its source',
      remove: 'its secrets are in its source',
      pinned: 'it keeps no old versions',
      unreadable: 'what is in memory can be read',
      rotate: 'its token is that of its environment',
      requests: 'it does not count them',
      faults: 'a real service has none on demand',
      recover: 'it has no faults',
    },
  },
);

test('it has at most ten lines, and is what the page says', async () => {
  expect(source.trimEnd().split('\n').length).toBeLessThanOrEqual(10);
  const { client, read } = connectTo(url, opened, { credentials: { token: 'token' } });
  const refs = [{ name: 'GREETING' }, { name: 'GREETING', version: '1' }];
  const snapshot = await read({ all: false, refs });
  expect(texts(snapshot)).toEqual({ GREETING: 'hello' });
  expect([...(snapshot.unknown?.values() ?? [])]).toMatchObject([{ code: 'UNSUPPORTED' }]);
  expect(await client.list({ signal })).toEqual([{ name: 'GREETING' }, { name: 'DB_PASSWORD' }]);
  await expect(client.write([{ name: 'A', value: SecretValue.of('') }], { signal })).rejects.toMatchObject({
    code: 'UNSUPPORTED',
  });
  expect(await client.watch({ signal }).next()).toEqual({ done: true, value: undefined });
  const stranger = connectTo(url, opened, { credentials: { token: 'another' } });
  await expect(stranger.read()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
});
