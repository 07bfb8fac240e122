import { randomBytes } from 'node:crypto';
import { ProviderError, SecretValue } from '@hikyaku/core';
import type { Secret } from '@hikyaku/core';
import type { StoredSnapshot } from '@hikyaku/engine';
import { describe, expect, test } from 'vitest';
import { AGENT, kubeError, memoryKube, signal, withPolicy } from './memory-kube.test.kit.ts';
import { SecretSnapshots } from './secret-snapshots.ts';

type Kube = ReturnType<typeof memoryKube>;

async function open(kube: Kube, { readOnly = false } = {}) {
  const problems: string[] = [];
  const snapshots = await SecretSnapshots.open(
    {
      client: kube.client,
      access: { agent: AGENT, proof: 'policy' },
      readOnly,
      onProblem: (source, message) => problems.push(`${source}: ${message}`),
    },
    { signal },
  );
  kube.secrets.calls.length = 0;
  return { snapshots, problems };
}

function stored(
  secrets: Readonly<Record<string, Secret | string>>,
  more: Partial<StoredSnapshot> = {},
): StoredSnapshot {
  const values = Object.entries(secrets).map(([id, secret]): [string, Secret] => [
    id,
    typeof secret === 'string' ? { value: SecretValue.of(secret) } : secret,
  ]);
  return { identity: 'here', demand: 'all', snapshot: { secrets: new Map(values) }, ...more };
}

const writes = ({ secrets }: Kube) => secrets.calls.filter((call) => call !== 'GET');
const namesOf = ({ secrets }: Kube) => [...secrets.live.keys()].toSorted();

describe('roundtrip', () => {
  test('values, versions, times, what is unknown and the revision are there after a restart', async () => {
    const kube = memoryKube();
    const bytes = Uint8Array.of(0, 255, 128);
    const pending = new ProviderError('PENDING', 'more is coming');
    const before: StoredSnapshot = {
      identity: 'here',
      demand: 'all',
      snapshot: {
        secrets: new Map<string, Secret>([
          ['A', { value: SecretValue.of('text "quoted" \n'), version: '7', readAt: 123 }],
          ['pinned\u00003', { value: SecretValue.of(bytes) }],
          ['__proto__', { value: SecretValue.of('') }],
        ]),
        unknown: new Map([['B', pending]]),
        revision: 'r1',
      },
    };
    await (await open(kube)).snapshots.keep('vault', before, { signal });
    const after = (await open(kube)).snapshots.take('vault');
    expect(after).toMatchObject({ identity: 'here', demand: 'all' });
    const { secrets, unknown, revision } = after?.snapshot ?? { secrets: new Map<string, Secret>() };
    expect([...secrets.keys()]).toEqual(['A', '__proto__', 'pinned\u00003']);
    expect(secrets.get('A')).toMatchObject({ version: '7', readAt: 123 });
    expect(secrets.get('A')?.value.text()).toBe('text "quoted" \n');
    expect(secrets.get('pinned\u00003')?.value.reveal()).toEqual(bytes);
    expect(secrets.get('__proto__')?.value.byteLength).toBe(0);
    expect([...(unknown ?? [])].map(([id, { code }]) => [id, code])).toEqual([['B', 'PENDING']]);
    expect(revision).toBe('r1');
  });

  test('it is handed over once, so that values do not stay in memory twice', async () => {
    const kube = memoryKube();
    await (await open(kube)).snapshots.keep('vault', stored({ A: '1' }), { signal });
    const { snapshots } = await open(kube);
    expect(snapshots.take('vault')).toBeDefined();
    expect(snapshots.take('vault')).toBeUndefined();
  });

  test('the Secret is ours, and shows no value in the clear', async () => {
    const kube = memoryKube();
    await (await open(kube)).snapshots.keep('vault', stored({ A: 'correct-horse' }), { signal });
    const [secret] = kube.secrets.live.values();
    expect(secret?.metadata.labels).toEqual({
      'hikyaku.dev/agent': AGENT,
      'app.kubernetes.io/managed-by': 'hikyaku',
    });
    expect(Buffer.from(secret?.data?.['vault'] ?? '', 'base64').toString('latin1')).not.toContain('correct-horse');
  });
});

describe('writes', () => {
  test('the same again is not written, in this process or after a restart', async () => {
    const kube = memoryKube();
    const { snapshots } = await open(kube);
    const same = stored({ A: '1' });
    await snapshots.keep('vault', same, { signal });
    await snapshots.keep('vault', same, { signal });
    await snapshots.keep('vault', stored({ A: '1' }), { signal });
    expect(writes(kube)).toEqual(['POST']);
    const restarted = await open(kube);
    await restarted.snapshots.keep('vault', stored({ A: '1' }), { signal });
    expect(writes(kube)).toEqual([]);
  });

  test('another revision alone is not worth a write', async () => {
    const kube = memoryKube();
    const { snapshots } = await open(kube);
    const { snapshot, ...rest } = stored({ A: '1' });
    await snapshots.keep('vault', { ...rest, snapshot: { ...snapshot, revision: 'r1' } }, { signal });
    await snapshots.keep('vault', { ...rest, snapshot: { ...snapshot, revision: 'r2' } }, { signal });
    expect(writes(kube)).toEqual(['POST']);
  });

  test('several sources at once do not overwrite each other, whoever writes', async () => {
    const kube = memoryKube();
    const [one, other] = [await open(kube), await open(kube)];
    const names = Array.from({ length: 12 }, (_, index) => `source-${index}`);
    await Promise.all(
      names.map((name, index) => (index % 2 ? one : other).snapshots.keep(name, stored({ A: name }), { signal })),
    );
    const { snapshots } = await open(kube);
    for (const name of names) expect(snapshots.take(name)?.snapshot.secrets.get('A')?.value.text()).toBe(name);
    expect(namesOf(kube).every((name) => /^hikyaku\/hikyaku-snapshot-[0-7]$/.test(name))).toBe(true);
  });

  test('somebody who writes or deletes the Secret in between costs a round and no data', async () => {
    const kube = memoryKube();
    const { snapshots } = await open(kube);
    await snapshots.keep('vault', stored({ A: '1' }), { signal });
    let rounds = 0;
    kube.secrets.meanwhile = (call) => {
      const [id, live] = [...kube.secrets.live][0] ?? [];
      if (call !== 'PUT' || id === undefined || live === undefined || ++rounds > 2) return;
      if (rounds === 1) kube.secrets.put({ ...live, data: { ...live.data, other: 'AAAA' } }, live.metadata.uid);
      else kube.secrets.live.delete(id);
    };
    await snapshots.keep('vault', stored({ A: '2' }), { signal });
    expect((await open(kube)).snapshots.take('vault')?.snapshot.secrets.get('A')?.value.text()).toBe('2');
  });

  test('what fails is said once, and tried again with the next read', async () => {
    const kube = memoryKube();
    const { snapshots, problems } = await open(kube);
    kube.secrets.admit = () => {
      throw kubeError('UNAVAILABLE');
    };
    const same = stored({ A: '1' });
    await snapshots.keep('vault', same, { signal });
    await snapshots.keep('vault', same, { signal });
    expect(problems).toHaveLength(1);
    kube.secrets.admit = () => {};
    await snapshots.keep('vault', same, { signal });
    expect(problems).toHaveLength(1);
    expect((await open(kube)).snapshots.take('vault')).toBeDefined();
  });

  test('a write whose answer was lost is made again, also when what was there before is back', async () => {
    const kube = memoryKube();
    const { snapshots } = await open(kube);
    await snapshots.keep('vault', stored({ A: '1' }), { signal });
    kube.secrets.after = () => {
      throw kubeError('UNAVAILABLE');
    };
    await snapshots.keep('vault', stored({ A: '2' }), { signal });
    kube.secrets.after = () => {};
    await snapshots.keep('vault', stored({ A: '1' }), { signal });
    expect((await open(kube)).snapshots.take('vault')?.snapshot.secrets.get('A')?.value.text()).toBe('1');
  });

  test('two processes that begin at the same time put each source into one place', async () => {
    const kube = memoryKube();
    const [one, other] = [await open(kube), await open(kube)];
    for (const name of ['vault', 'nas']) await one.snapshots.keep(name, stored({ A: '1' }), { signal });
    for (const name of ['nas', 'vault']) await other.snapshots.keep(name, stored({ A: '2' }), { signal });
    const kept = [...kube.secrets.live.values()].flatMap(({ data = {} }) => Object.keys(data));
    expect(kept.toSorted()).toEqual(['nas', 'vault']);
  });

  test('read only, nothing is written', async () => {
    const kube = memoryKube();
    const { snapshots } = await open(kube, { readOnly: true });
    await snapshots.keep('vault', stored({ A: '1' }), { signal });
    expect(kube.secrets.live.size).toBe(0);
  });
});

describe('size', () => {
  const large = (bytes: number): Secret => ({ value: SecretValue.of(randomBytes(bytes)) });

  test('what fits into no Secret is said once, and nothing older is left of it', async () => {
    const kube = memoryKube();
    const { snapshots, problems } = await open(kube);
    await snapshots.keep('vault', stored({ A: '1' }), { signal });
    const tooLarge = stored({ A: large(1_100_000) });
    await snapshots.keep('vault', tooLarge, { signal });
    await snapshots.keep('vault', tooLarge, { signal });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^vault: its keys in use take 1\d{6} bytes \(compressed\), for which there is no room/);
    expect((await open(kube)).snapshots.take('vault')).toBeUndefined();
    await snapshots.keep('vault', stored({ A: '2' }), { signal });
    expect((await open(kube)).snapshots.take('vault')).toBeDefined();
  });

  test('no Secret grows beyond what Kubernetes takes; a source that grew moves', async () => {
    const kube = memoryKube();
    const { snapshots, problems } = await open(kube);
    // One more than there are Secrets: the last stands beside the first, which outgrows that and finds room beside the second alone.
    const sizes = [50_000, 100_000, ...Array.from({ length: 7 }, () => 400_000)];
    for (const [index, size] of sizes.entries())
      await snapshots.keep(`source-${index}`, stored({ A: large(size) }), { signal });
    await snapshots.keep('source-0', stored({ A: large(850_000) }), { signal });
    expect(problems).toEqual([]);
    for (const { data = {} } of kube.secrets.live.values()) {
      const bytes = Object.values(data).reduce((sum, text) => sum + Buffer.from(text, 'base64').byteLength, 0);
      expect(bytes).toBeLessThan(1_048_576);
    }
    const restarted = await open(kube);
    for (const index of sizes.keys()) expect(restarted.snapshots.take(`source-${index}`)).toBeDefined();
  });
});

describe('what is not wanted', () => {
  test('is dropped: values that nobody uses do not lie around', async () => {
    const kube = memoryKube();
    const first = await open(kube);
    for (const name of ['vault', 'nas']) await first.snapshots.keep(name, stored({ A: name }), { signal });
    const second = await open(kube);
    await second.snapshots.prune(new Set(['vault']), { signal });
    const third = await open(kube);
    expect(third.snapshots.take('nas')).toBeUndefined();
    expect(third.snapshots.take('vault')).toBeDefined();
    await third.snapshots.prune(new Set(['vault']), { signal });
    expect(writes(kube)).toEqual([]);
  });

  test('of two copies that differ none is believed, and both make room for the next', async () => {
    const kube = memoryKube();
    const copies = await Promise.all(
      ['old', 'new'].map(async (text) => {
        const other = memoryKube();
        await (await open(other)).snapshots.keep('vault', stored({ A: text }), { signal });
        return [...other.secrets.live.values()][0]?.data;
      }),
    );
    for (const [slot, data] of copies.entries()) {
      const metadata = { namespace: AGENT, name: `hikyaku-snapshot-${slot}` };
      kube.secrets.put({ apiVersion: 'v1', kind: 'Secret', metadata, ...(data && { data }) });
    }
    const { snapshots } = await open(kube);
    expect(snapshots.take('vault')).toBeUndefined();
    await snapshots.keep('vault', stored({ A: 'newest' }), { signal });
    const kept = [...kube.secrets.live.values()].flatMap(({ data = {} }) => Object.keys(data));
    expect(kept).toEqual(['vault']);
    expect((await open(kube)).snapshots.take('vault')?.snapshot.secrets.get('A')?.value.text()).toBe('newest');
  });

  test.each([
    ['no gzip', Buffer.from('hello')],
    ['nothing', Buffer.alloc(0)],
    ['random bytes', randomBytes(100)],
  ])('%s is passed over, and said', async (_, bytes) => {
    const kube = memoryKube();
    const metadata = { namespace: AGENT, name: 'hikyaku-snapshot-3' };
    kube.secrets.put({ apiVersion: 'v1', kind: 'Secret', metadata, data: { vault: bytes.toString('base64') } });
    const { snapshots, problems } = await open(kube);
    expect(snapshots.take('vault')).toBeUndefined();
    expect(problems).toEqual(['vault: what was kept of it in hikyaku-snapshot-3 makes no sense: passed over']);
    await snapshots.keep('vault', stored({ A: '1' }), { signal });
    expect((await open(kube)).snapshots.take('vault')).toBeDefined();
  });
});

test('who may not read the Secrets is told', async () => {
  const kube = memoryKube();
  withPolicy(kube.secrets);
  await expect(open(kube)).rejects.toMatchObject({ name: 'TargetError', code: 'FORBIDDEN' });
});
