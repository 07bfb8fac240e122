import { afterEach, beforeEach, expect, test } from 'vitest';
import { changeClient } from './flaws/flaw.test.kit.ts';
import type { MemoryProvider } from './flaws/flaw.test.kit.ts';
import { LiveService } from './live-service.ts';
import type { LiveServiceOptions } from './live-service.ts';
import { memory } from './memory/memory-provider.test.kit.ts';
import { MemoryService } from './memory/memory-service.test.kit.ts';

let service: MemoryService;
beforeEach(async () => {
  service = await MemoryService.start({ GREETING: 'good morning, 飛脚', OTHER: 'something else' });
});
afterEach(() => service[Symbol.asyncDispose]());

async function check(options: Partial<LiveServiceOptions> = {}, provider: MemoryProvider = memory) {
  const { signal } = new AbortController();
  const [config, credentials] = [{ url: service.url }, { token: service.token }];
  await using live = await LiveService.open(provider, { config, credentials, write: false, signal, ...options });
  const titles: Record<string, string[]> = { passed: [], failed: [], 'not checked': [] };
  for await (const { outcome, title } of live.check()) titles[outcome]?.push(title);
  return titles;
}

test('without writes, what can be read is checked and nothing is changed', async () => {
  const before = service.revision;
  const { passed, failed, 'not checked': left } = await check();
  expect(failed).toEqual([]);
  expect(passed).toContain('unchanged: a second read of everything returns the previous snapshot itself');
  expect(passed).toContain('faults: a refused credential is UNAUTHENTICATED');
  expect(left).toContain('writing: a new secret is made, and read');
  expect(service.revision).toBe(before);
});

test('with writes, all that needs no failing service is checked, and what was made is removed', async () => {
  const { passed, failed } = await check({ write: true });
  expect(failed).toEqual([]);
  expect(passed).toContain('writing: unusual names are written and removed');
  expect(passed).toContain('pins: a pinned version is that version');
  expect(service.names()).toEqual(['GREETING', 'OTHER']);
});

test('what was made is removed also when the checks are stopped', async () => {
  const stop = new AbortController();
  const reason = new Error('enough');
  const made: string[] = [];
  const slow = changeClient((client) => ({
    write: (changes, options) => {
      made.push(...changes.map(({ name }) => name));
      if (made.length > 4) stop.abort(reason);
      return client.write(changes, options);
    },
  }))(memory);
  await expect(check({ write: true, signal: stop.signal }, slow)).rejects.toBe(reason);
  expect(made.every((name) => name.startsWith('hikyaku-conformance-'))).toBe(true);
  expect(service.names()).toEqual(['GREETING', 'OTHER']);
});

test('a service that is empty, or has not what was named, is an error', async () => {
  await expect(check({ present: 'NOBODY' })).rejects.toMatchObject({ message: expect.stringContaining("'NOBODY'") });
  for (const name of service.names()) service.remove(name);
  await expect(check()).rejects.toMatchObject({ message: expect.stringContaining('holds no secret') });
});

test('a service that does not answer rejects with its error', async () => {
  service.fail('unavailable');
  await expect(check()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});
