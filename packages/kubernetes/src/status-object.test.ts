import { describe, expect, test } from 'vitest';
import { AGENT, memoryKube, signal } from './memory-kube.test.kit.ts';
import type { SecretStatus, StatusDocument } from './status-document.ts';
import { StatusObject } from './status-object.ts';
import { statusText } from './status-text.ts';

const ACCESS = { agent: AGENT, proof: 'policy' } as const;

function document(more: Partial<StatusDocument> = {}): StatusDocument {
  return {
    version: 1,
    writtenAt: '2026-01-01T00:00:00Z',
    agent: { version: '1.0.0', startedAt: '2026-01-01T00:00:00Z' },
    config: { digest: 'abc', loadedAt: '2026-01-01T00:00:00Z' },
    sources: { homelab: { state: 'ok', since: '2026-01-01T00:00:00Z' } },
    secrets: { 'web/app': { state: 'synced', since: '2026-01-01T00:00:00Z' } },
    pushes: {},
    restarts: {},
    holds: [],
    ...more,
  };
}

function many(count: number, message: string, state: SecretStatus['state'] = 'refused'): StatusDocument['secrets'] {
  const name = (index: number) => `${'n'.repeat(63)}/${'s'.repeat(200)}-${index}`;
  const entries = Array.from({ length: count }, (_, index) => [name(index), { state, messages: [message] }] as const);
  return Object.fromEntries(entries);
}

test('what was written is read, also over what somebody else has written meanwhile', async () => {
  const { client, configMaps } = memoryKube();
  const object = new StatusObject(client, ACCESS);
  expect(await object.read({ signal })).toBeUndefined();
  await object.write(document(), { signal });
  configMaps.put({
    metadata: { namespace: AGENT, name: 'hikyaku-status', labels: { theirs: 'x' } },
    data: { junk: 'x' },
  });
  await object.write(document({ holds: [] }), { signal });
  expect(await new StatusObject(client, ACCESS).read({ signal })).toEqual(document());
  expect(configMaps.live.get(`${AGENT}/hikyaku-status`)).toMatchObject({ metadata: { labels: { theirs: 'x' } } });
});

test.each(['', '{', '[]', '{"version":2}', '{"version":1}', 'null'])('%j is no status', async (text) => {
  const { client, configMaps } = memoryKube();
  configMaps.put({ metadata: { namespace: AGENT, name: 'hikyaku-status' }, data: { 'status.json': text } });
  expect(await new StatusObject(client, ACCESS).read({ signal })).toBeUndefined();
});

test('holds, entries and fields that make no sense are passed over', async () => {
  const { client, configMaps } = memoryKube();
  const hostile = {
    ...document(),
    config: { digest: 'd', loadedAt: 'x', problem: 1 },
    secrets: { a: 1, b: { state: 2 }, c: { state: 'kept', messages: 5 }, d: { state: 'kept', messages: 'x' } },
    sources: { s: { state: 'failing', code: 1 }, t: { state: 'failing', message: {} } },
    holds: [null, { scope: 'config' }, 3],
  };
  configMaps.put({
    metadata: { namespace: AGENT, name: 'hikyaku-status' },
    data: { 'status.json': JSON.stringify(hostile) },
  });
  const read = await new StatusObject(client, ACCESS).read({ signal });
  expect(read).toMatchObject({
    secrets: { c: { state: 'kept' }, d: { state: 'kept' } },
    sources: { s: { state: 'failing' }, t: { state: 'failing' } },
    holds: [],
  });
  expect(JSON.stringify(read)).not.toMatch(/"(?:messages|message|code|problem)"/);
});

describe('the text', () => {
  test('has a line per thing, and says nothing of a cut where none was needed', () => {
    const text = statusText(document());
    expect(text).toContain('\n"web/app": {"state":"synced","since":"2026-01-01T00:00:00Z"}\n');
    expect(JSON.parse(text)).toEqual(document());
  });

  test.each([
    [1_000, 300, 1_000, undefined],
    [1_000, 5_000, 1_000, 'long messages, and what goes beyond 50 changes of a hold'],
    [3_000, 5_000, 0, 'all Secrets, pushes and restarts'],
  ])(
    'of %i Secrets with the longest names and messages of %i characters fits into a ConfigMap',
    (count, long, kept, cut) => {
      const text = statusText(document({ secrets: many(count, 'x'.repeat(long)) }));
      expect(Buffer.byteLength(text)).toBeLessThan(950_000);
      const read: StatusDocument = JSON.parse(text);
      expect(read.cut).toBe(cut);
      expect(Object.keys(read.secrets)).toHaveLength(kept);
    },
  );

  test('of a huge hold names the first of what would go, and how many more there are', () => {
    const changes = Array.from({ length: 1_000 }, (_, index) => ({
      id: `web/s${index}`,
      removed: Array.from({ length: 100 }, (__, key) => `KEY_${key}`),
    }));
    const text = statusText(document({ holds: [{ scope: 'config', digest: 'd', messages: ['m'], changes }] }));
    const read: unknown = JSON.parse(text);
    expect(read).toMatchObject({ holds: [{ digest: 'd', more: 950 }] });
  });
});
