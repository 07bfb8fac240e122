import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Config, SourceConfig } from '@hikyaku/config';
import { defineProvider, SecretValue } from '@hikyaku/core';
import type { ProviderContext } from '@hikyaku/core';
import { FakeClock, silentLogger } from '@hikyaku/core/testing';
import type { SecretSpec, SnapshotArchive, Source } from '@hikyaku/engine';
import type { KubeClient } from '@hikyaku/kube-client';
import { beforeEach, expect, test, vi } from 'vitest';
import { OpenSources } from './open-sources.ts';
import type { OpenSourcesOptions } from './open-sources.ts';

const { signal } = new AbortController();
/** `connected`, `read`, `read again` and `closed`, with the settings. */
let calls: string[];
/** What providers were given to connect with. */
let contexts: ProviderContext[];

beforeEach(() => {
  calls = [];
  contexts = [];
});

const provider = defineProvider<string>({
  type: 'nas',
  config: { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: String(value) }) } },
  describe: () => ({ identity: 'nas', origins: [] }),
  connect(settings, context) {
    calls.push(`connected ${settings}`);
    contexts.push(context);
    return {
      async read({ previous }) {
        calls.push(`${previous === undefined ? 'read' : 'read again'} ${settings}`);
        return previous ?? { secrets: new Map([['A', { value: SecretValue.of('1') }]]), revision: '1' };
      },
      async [Symbol.asyncDispose]() {
        calls.push(`closed ${settings}`);
      },
    };
  },
});

/** Sources by name, with their settings; each fills one Secret, with these keys. */
function config(settings: Readonly<Record<string, string>>, include: readonly string[] = ['*']): Config {
  const sources = Object.entries(settings).map(([name, text], line) => {
    const source: Partial<SourceConfig> = {
      name,
      provider,
      settings: text,
      credentials: new Map(),
      description: { identity: 'nas', origins: [] },
      refresh: { everyMs: 60_000 },
      snapshot: false,
      position: { file: 'hikyaku.yaml', line, column: 1 },
    };
    return [name, source] as const;
  });
  const secrets = sources.map(([source]): Partial<SecretSpec> => {
    return { namespace: 'web', name: source, bulk: [{ source, include, exclude: [] }], items: new Map() };
  });
  return { sources: new Map(sources), secrets } as unknown as Config;
}

function open(by: Config, before?: OpenSources, grantedOrigins?: readonly string[]): OpenSources {
  const options: OpenSourcesOptions = {
    env: {},
    client: {} as KubeClient,
    namespace: 'hikyaku',
    clock: new FakeClock(),
    logger: silentLogger,
    files: { base: '/', root: '/', refused: [] },
    snapshots: {} as SnapshotArchive,
    ...(grantedOrigins && { grantedOrigins }),
  };
  return new OpenSources(by, options, before);
}

async function read(opened: OpenSources): Promise<void> {
  for (const source of opened.sources.values()) await source.refresh(() => {}, { signal });
}

test('a source that is the same is the same object, wherever it stands in the file', async () => {
  const before = open(config({ a: 'x', b: 'y' }));
  const after = open(config({ b: 'y', a: 'x' }), before);
  expect(after.sources.get('a')).toBe(before.sources.get('a'));
  expect(after.goesOn).toBe(true);
});

test('one with other settings and the same data asks with what is known, and only it is closed', async () => {
  const before = open(config({ a: 'x', b: 'y' }));
  await read(before);
  const after = open(config({ a: 'z', b: 'y' }), before);
  expect(after.sources.get('a')?.state.snapshot).toBe(before.sources.get('a')?.state.snapshot);
  calls = [];
  await read(after);
  await before.leave(after);
  expect(calls).toEqual(['connected z', 'read again z', 'read again y', 'closed x']);
});

test('one of which something else is wanted is read anew', async () => {
  const before = open(config({ a: 'x' }));
  await read(before);
  const after = open(config({ a: 'x' }, ['A']), before);
  expect(after.sources.get('a')?.state.snapshot).toBeUndefined();
});

test('where something else may be reached each source is connected again, and knows what it knew', async () => {
  const before = open(config({ a: 'x' }));
  await read(before);
  const after = open(config({ a: 'x' }), before, ['https://nas.lan']);
  expect(after.goesOn).toBe(false);
  calls = [];
  await read(after);
  await before.leave(after);
  expect(calls).toEqual(['connected x', 'read again x', 'closed x']);
});

test('there too, what was used up of the limits of a service is used up', async () => {
  const before = open(config({ a: 'x' }));
  await read(before);
  const after = open(config({ a: 'x' }), before, ['https://nas.lan']);
  await read(after);
  await contexts[0]?.budget('key', 1, { signal });
  const stop = new AbortController();
  const asked = contexts[1]?.budget('key', 1, stop);
  const passed = vi.fn<() => void>();
  asked?.then(passed, () => {});
  await sleep(0);
  expect(passed).not.toHaveBeenCalled();
  stop.abort();
  await expect(asked).rejects.toBeDefined();
});

test('nothing is kept of sources that have left', async () => {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  let opened = open(config({ a: '0', b: '0' }));
  const left: WeakRef<Source>[] = [];
  for (let turn = 1; turn <= 10; turn++) {
    await read(opened);
    for (const source of opened.sources.values()) left.push(new WeakRef(source));
    const settings = { a: String(Math.ceil(turn / 2)), b: String(Math.floor(turn / 2)) };
    const next: OpenSources = open(config(settings), opened);
    await opened.leave(next);
    opened = next;
  }
  const alive = () => left.filter((reference) => reference.deref() !== undefined).length;
  for (let tries = 0; tries < 20 && alive() > 2; tries++) {
    await sleep(10);
    if (typeof collect === 'function') collect();
  }
  // The two that go on, and at the most one that a promise still has.
  expect(alive()).toBeLessThanOrEqual(4);
  expect(opened.sources.size).toBe(2);
});
