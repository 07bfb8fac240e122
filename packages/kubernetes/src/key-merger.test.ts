import type { DesiredSecret, InventoryEntry, TargetErrorCode } from '@hikyaku/engine';
import type { SecretObject } from '@hikyaku/kube-client';
import { describe, expect, test } from 'vitest';
import { KubernetesTarget } from './kubernetes-target.ts';
import { AGENT, desiredOf, entryOf, memoryKube, signal, unchangeable, withPolicy } from './memory-kube.test.kit.ts';
import { AGENT_LABEL, MERGE_LABEL } from './ownership.ts';
import type { Access } from './ownership.ts';

const b64 = (text: string) => Buffer.from(text).toString('base64');
const dataOf = (values: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, b64(value)]));
const merged = (values: Readonly<Record<string, string>>) => desiredOf(values, { existing: 'merge' });

/** A chart's Secret with a key of its own, whose owner lets us merge; and what the inventory makes of what is put. */
function createWorld(proof: Access['proof'] = 'policy', { readable = true } = {}) {
  const kube = memoryKube();
  const { secrets } = kube;
  if (proof === 'policy') withPolicy(secrets, { readable });
  else secrets.admit = unchangeable;
  const options = { client: kube.client, access: { agent: AGENT, proof }, hmacKey: new Uint8Array(32) };
  const target = new KubernetesTarget(options);
  const theirs: SecretObject = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      namespace: 'web',
      name: 'app',
      labels: { team: 'web', [MERGE_LABEL]: AGENT },
      annotations: { 'meta.helm.sh/release-name': 'web' },
      finalizers: ['example.com/keep'],
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    type: 'example.com/chart',
    data: { ...dataOf({ theirs: 'chart' }), [`__proto__`]: 'AA==' },
  };
  let entry: InventoryEntry | undefined;

  return {
    ...kube,
    target,
    theirs,
    get entry(): InventoryEntry | undefined {
      return entry;
    },
    set entry(other: InventoryEntry | undefined) {
      entry = other;
    },
    /** As somebody else writes it. */
    stranger(values: Readonly<Record<string, string>>, more: Partial<SecretObject> = {}, uid = 'u1'): void {
      secrets.put({ ...theirs, data: dataOf(values), ...more }, uid);
    },
    labelled(labels: Readonly<Record<string, string>>): void {
      secrets.put({ ...theirs, metadata: { ...theirs.metadata, labels } }, 'u1');
    },
    /** What will be put, as the engine enters it. */
    announce(desired: DesiredSecret): void {
      const keys = new Map(entry?.keys);
      for (const [key, text] of target.fingerprint(desired).keys) {
        const intended = [...(keys.get(key)?.intended ?? []), text];
        keys.set(key, { source: 'homelab', ...keys.get(key), intended });
      }
      entry = { ...entryOf({ existing: 'merge' }), ...entry, keys };
    },
    /** As the engine puts, and remembers. */
    async put(desired: DesiredSecret): Promise<string> {
      this.announce(desired);
      const { outcome, uid, resourceVersion } = await target.put(desired, entry, { signal });
      const { shape, keys } = target.fingerprint(desired);
      const known = new Map([...keys].map(([key, fingerprint]) => [key, { source: 'homelab', fingerprint }]));
      entry = entryOf({ existing: 'merge', uid, resourceVersion, shape, keys: known });
      return outcome;
    },
    remove(): ReturnType<KubernetesTarget['remove']> {
      return target.remove(entry ?? entryOf({ existing: 'merge' }), { signal });
    },
    get live() {
      return secrets.live.get('web/app');
    },
    get values(): Readonly<Record<string, string>> {
      const data = Object.entries(this.live?.data ?? {});
      return Object.fromEntries(data.map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
    },
  };
}

type World = ReturnType<typeof createWorld>;

async function refusal(
  world: World,
  desired = merged({ A: '1' }),
): Promise<{ code: TargetErrorCode; message: string }> {
  const before = world.live;
  const put = await world.target.put(desired, world.entry, { signal }).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(put).toMatchObject({ name: 'TargetError' });
  const { code, message } = put as { code: TargetErrorCode; message: string };
  const observed = await world.target.observe('web/app', desired, world.entry, { signal });
  expect(observed).toMatchObject({ state: 'refused', error: { code, message } });
  expect(world.live).toEqual(before);
  return { code, message };
}

describe.each<Access['proof']>(['policy', 'look'])('put, proof by %s', (proof) => {
  test('puts our keys with one GET and one PUT; everything else stays, byte for byte', async () => {
    const world = createWorld(proof);
    world.secrets.put(world.theirs, 'u1');
    expect(await world.put(merged({ A: '1' }))).toBe('updated');
    expect(world.secrets.calls).toEqual(['GET', 'PUT']);
    const { data, metadata, ...rest } = world.live ?? world.theirs;
    expect(new Map(Object.entries(data ?? {}))).toEqual(
      new Map([...Object.entries(world.theirs.data ?? {}), ['A', b64('1')]]),
    );
    expect({ ...rest, metadata: { ...metadata, uid: undefined, resourceVersion: undefined } }).toMatchObject({
      kind: 'Secret',
      type: 'example.com/chart',
      metadata: world.theirs.metadata,
    });
  });

  test('writes nothing where our keys are as they should be, whatever else changed, and remembers nothing new', async () => {
    const world = createWorld(proof);
    world.secrets.put(world.theirs, 'u1');
    await world.put(merged({ A: '1' }));
    const { entry } = world;
    world.stranger({ theirs: 'new', more: 'x', A: '1' });
    world.secrets.calls.length = 0;
    expect(await world.put(merged({ A: '1' }))).toBe('unchanged');
    expect(world.secrets.calls).toEqual(['GET']);
    expect(world.entry).toEqual(entry);
  });

  test('puts back a key of ours that somebody changed or removed', async () => {
    const world = createWorld(proof);
    world.stranger({ theirs: 'x' });
    await world.put(merged({ A: '1', B: '1' }));
    world.stranger({ theirs: 'y', A: 'changed' });
    expect(await world.put(merged({ A: '1', B: '1' }))).toBe('repaired');
    expect(world.values).toEqual({ theirs: 'y', A: '1', B: '1' });
  });

  test('changes what it put, takes out what is not wanted any more, and nothing else', async () => {
    const world = createWorld(proof);
    world.stranger({ theirs: 'x' });
    await world.put(merged({ A: '1', B: '1' }));
    world.stranger({ ...world.values, C: 'theirs' });
    expect(await world.put(merged({ A: '2' }))).toBe('updated');
    expect(world.values).toEqual({ theirs: 'x', C: 'theirs', A: '2' });
  });

  test('leaves a key that somebody else has given another value when the config does not want it any more', async () => {
    const world = createWorld(proof);
    world.stranger({ theirs: 'x' });
    await world.put(merged({ A: '1', B: '1' }));
    world.stranger({ ...world.values, B: 'the chart has it now' });
    expect(await world.put(merged({ A: '1' }))).toBe('unchanged');
    expect(world.values).toMatchObject({ B: 'the chart has it now' });
  });

  test('never overwrites a key that is there: all of them are named, and no other key is put', async () => {
    const world = createWorld(proof);
    world.stranger({ theirs: 'x', A: 'theirs', B: 'theirs' });
    world.announce(merged({ A: '1', B: '1', C: '1' }));
    const { code, message } = await refusal(world, merged({ A: '1', B: '1', C: '1' }));
    expect(code).toBe('FOREIGN');
    expect(message).toBe(
      'Secret web/app holds A, B already, with another value, and this agent did not put it there; nothing is overwritten: its owner removes these keys first, or the config names another',
    );
    world.stranger({ theirs: 'x' });
    expect(await world.put(merged({ A: '1', B: '1', C: '1' }))).toBe('updated');
  });

  test('a key that is there and equal is ours from then on', async () => {
    const world = createWorld(proof);
    world.stranger({ theirs: 'x', A: '1' });
    expect(await world.put(merged({ A: '1' }))).toBe('unchanged');
    expect(await world.put(merged({ A: '2' }))).toBe('updated');
    expect(world.values).toEqual({ theirs: 'x', A: '2' });
  });

  test('puts nothing that is not announced', async () => {
    const world = createWorld(proof);
    world.stranger({ theirs: 'x' });
    await expect(world.target.put(merged({ A: '1' }), undefined, { signal })).rejects.toMatchObject({
      code: 'UNANNOUNCED',
    });
    await world.put(merged({ A: '1' }));
    await expect(world.target.put(merged({ A: '2' }), world.entry, { signal })).rejects.toMatchObject({
      code: 'UNANNOUNCED',
    });
    expect(world.values).toEqual({ theirs: 'x', A: '1' });
  });

  test('after a crash between write and memory it knows its own key by what it was to hold', async () => {
    const world = createWorld(proof);
    world.stranger({ theirs: 'x' });
    world.announce(merged({ A: '1' }));
    await world.target.put(merged({ A: '1' }), world.entry, { signal });
    // The source has changed meanwhile.
    expect(await world.put(merged({ A: '2' }))).toBe('updated');
    expect(world.values).toEqual({ theirs: 'x', A: '2' });
  });

  test('and after a crash before the write it takes nobody else’s key for its own', async () => {
    const world = createWorld(proof);
    world.announce(merged({ A: '1' }));
    world.stranger({ theirs: 'x', A: 'theirs' });
    expect((await refusal(world)).code).toBe('FOREIGN');
  });

  test('in a Secret that was made anew a key of the same name is its owner’s, unless it holds what we put', async () => {
    const world = createWorld(proof);
    world.stranger({ theirs: 'x' });
    await world.put(merged({ A: '1', B: '1' }));
    world.stranger({ theirs: 'x', A: 'theirs', B: '1' }, {}, 'u2');
    expect((await refusal(world, merged({ A: '1', B: '1' }))).message).toContain('holds A already');
    world.stranger({ theirs: 'x', B: '1' }, {}, 'u2');
    expect(await world.put(merged({ A: '1', B: '2' }))).toBe('updated');
    expect(world.values).toEqual({ theirs: 'x', A: '1', B: '2' });
  });

  test('looks again when somebody writes in between, and keeps that too', async () => {
    const world = createWorld(proof);
    world.stranger({ theirs: 'x' });
    let times = 0;
    world.secrets.meanwhile = (call) => {
      if (call === 'PUT' && times++ < 3) world.stranger({ ...world.values, [`late-${times}`]: 'x' });
    };
    expect(await world.put(merged({ A: '1' }))).toBe('updated');
    expect(world.values).toEqual({ theirs: 'x', 'late-1': 'x', 'late-2': 'x', 'late-3': 'x', A: '1' });
  });

  test('gives up for now when somebody never stops writing', async () => {
    const world = createWorld(proof);
    world.stranger({ theirs: 'x' });
    let times = 0;
    world.secrets.meanwhile = (call) => {
      if (call === 'PUT') world.stranger({ theirs: String(times++) });
    };
    await expect(world.put(merged({ A: '1' }))).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(times).toBe(4);
  });

  test('a Secret that goes away between look and write is waited for', async () => {
    const world = createWorld(proof);
    world.stranger({ theirs: 'x' });
    world.secrets.meanwhile = (call) => {
      if (call === 'PUT') world.secrets.live.clear();
    };
    await expect(world.put(merged({ A: '1' }))).rejects.toMatchObject({ code: 'ABSENT' });
    expect(world.secrets.live.size).toBe(0);
  });
});

describe.each<Access['proof']>(['policy', 'look'])('consent, proof by %s', (proof) => {
  test('an absent Secret is never made', async () => {
    const world = createWorld(proof);
    const { code, message } = await refusal(world);
    expect(code).toBe('ABSENT');
    expect(message).toBe(
      'Secret web/app does not exist, and `existing: merge` never makes it: waiting for its owner to',
    );
  });

  test('nor in a namespace that does not exist', async () => {
    const world = createWorld(proof);
    world.missingNamespaces.add('web');
    expect((await refusal(world)).code).toBe('NAMESPACE_MISSING');
  });

  const role = 'hikyaku rights role web/app --merge | kubectl apply -f -';

  test.each([
    ['no label', {}, 'hikyaku.dev/merge=hikyaku;'],
    ['an empty one', { [MERGE_LABEL]: '' }, 'hikyaku.dev/merge=hikyaku;'],
    ['the label of another agent', { [MERGE_LABEL]: 'other' }, 'hikyaku.dev/merge=other.hikyaku --overwrite;'],
    [
      'ids that only contain ours',
      { [MERGE_LABEL]: 'my-hikyaku.hikyaku-2' },
      'my-hikyaku.hikyaku-2.hikyaku --overwrite;',
    ],
  ])('%s: refused with the exact commands', async (_, labels, line) => {
    const world = createWorld(proof);
    world.labelled(labels);
    const { code, message } = await refusal(world);
    expect(code).toBe('FOREIGN');
    expect(message).toContain(
      `kubectl label secret app --namespace web ${line}`.replace('web my', `web ${MERGE_LABEL}=my`),
    );
    expect(message).toContain(role);
  });

  test('among the ids of several agents ours counts', async () => {
    const world = createWorld(proof);
    world.labelled({ [MERGE_LABEL]: 'other.hikyaku' });
    expect(await world.put(merged({ A: '1' }))).toBe('updated');
  });

  test.each([
    ['this agent', AGENT],
    ['the agent other', 'other'],
  ])('what %s makes as a whole is nothing to merge into', async (whose, agent) => {
    const world = createWorld(proof);
    world.labelled({ [AGENT_LABEL]: agent, [MERGE_LABEL]: AGENT });
    const { code, message } = await refusal(world);
    expect(code).toBe('FOREIGN');
    expect(message).toBe(
      `Secret web/app carries the label hikyaku.dev/agent: ${whose} makes it as a whole, so that nothing can be merged into it`,
    );
  });

  test('an immutable Secret cannot be merged into', async () => {
    const world = createWorld(proof);
    world.stranger({ theirs: 'x' }, { immutable: true });
    world.announce(merged({ A: '1' }));
    expect((await refusal(world)).code).toBe('UNCHANGEABLE');
    world.stranger({ theirs: 'x', A: '1' }, { immutable: true });
    expect(await world.put(merged({ A: '1' }))).toBe('unchanged');
  });

  test('the namespace of the agent itself is never merged into', async () => {
    const world = createWorld(proof);
    const id = `${AGENT}/app`;
    const metadata = { ...world.theirs.metadata, namespace: AGENT };
    world.secrets.put({ ...world.theirs, metadata }, 'u1');
    const desired = desiredOf({ A: '1' }, { existing: 'merge', namespace: AGENT, id });
    await expect(world.target.put(desired, undefined, { signal })).rejects.toMatchObject({ code: 'FOREIGN' });
  });
});

test('without the Role of its owner it is refused with the exact commands', async () => {
  const world = createWorld('policy', { readable: false });
  world.stranger({ theirs: 'x' });
  const { code, message } = await refusal(world);
  expect(code).toBe('FORBIDDEN');
  expect(message).toBe(
    'Secret web/app: this account may not get it, and merging needs that; its owner agrees with: kubectl label secret app --namespace web hikyaku.dev/merge=hikyaku; and lets the agent in the cluster get it with: hikyaku rights role web/app --merge | kubectl apply -f -',
  );
});

test('a policy from before there were merges is told to be so', async () => {
  const world = createWorld();
  world.stranger({ theirs: 'x' });
  const admit = world.secrets.admit;
  world.secrets.admit = (verb, after, before) => {
    const unlabelled = before && { ...before, metadata: { ...before.metadata, labels: {} } };
    admit(verb, after, verb === 'PUT' ? unlabelled : before);
  };
  world.announce(merged({ A: '1' }));
  const { code, message } = await refusal(world);
  expect(code).toBe('NOT_GRANTED');
  expect(message).toContain('apply the deploy/rights-own.yaml of this version');
});

describe('remove', () => {
  test('takes out our keys and never the Secret', async () => {
    const world = createWorld();
    world.stranger({ theirs: 'x' });
    await world.put(merged({ A: '1', B: '1' }));
    expect(await world.remove()).toBe('withdrawn');
    expect(world.values).toEqual({ theirs: 'x' });
    expect(world.secrets.calls).not.toContain('DELETE');
  });

  test('leaves what somebody else has put under the same name since', async () => {
    const world = createWorld();
    world.stranger({ theirs: 'x' });
    await world.put(merged({ A: '1', B: '1' }));
    world.stranger({ theirs: 'x', A: 'the chart has it now', B: '1' });
    expect(await world.remove()).toBe('withdrawn');
    expect(world.values).toEqual({ theirs: 'x', A: 'the chart has it now' });
    world.secrets.calls.length = 0;
    expect(await world.remove()).toBe('withdrawn');
    expect(world.secrets.calls).toEqual(['GET']);
  });

  test('takes out what was announced and written, though a crash came before it was remembered', async () => {
    const world = createWorld();
    world.stranger({ theirs: 'x', B: 'theirs' });
    world.announce(merged({ A: '1' }));
    await world.target.put(merged({ A: '1' }), world.entry, { signal });
    world.announce(merged({ A: '1', B: '1' }));
    expect(await world.remove()).toBe('withdrawn');
    expect(world.values).toEqual({ theirs: 'x', B: 'theirs' });
  });

  test('of a Secret that is gone is done', async () => {
    const world = createWorld();
    expect(await world.remove()).toBe('absent');
  });

  test.each([
    ['its owner has dropped the label', {}],
    ['it is the whole of an agent now', { [MERGE_LABEL]: AGENT, [AGENT_LABEL]: AGENT }],
  ])('leaves everything where %s', async (_, labels) => {
    const world = createWorld();
    world.stranger({ theirs: 'x' });
    await world.put(merged({ A: '1' }));
    const { metadata } = world.theirs;
    world.stranger({ theirs: 'x', A: '1' }, { metadata: { ...metadata, labels } });
    expect(await world.remove()).toBe('foreign');
    expect(world.values).toEqual({ theirs: 'x', A: '1' });
  });

  test('without the Role is an error that says how it ends', async () => {
    const world = createWorld();
    world.stranger({ theirs: 'x' });
    await world.put(merged({ A: '1' }));
    withPolicy(world.secrets);
    await expect(world.remove()).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: expect.stringContaining(
        'A cannot be taken out of it: to leave them there, put its entry back with `whenRemoved: keep` and take it out once more',
      ),
    });
  });
});

describe('observe', () => {
  test('shows our keys as they are, and nobody else’s', async () => {
    const world = createWorld();
    world.stranger({ theirs: 'x' });
    await world.put(merged({ A: '1', B: '1', C: '1' }));
    world.stranger({ theirs: 'x', A: '1', B: 'drifted', C: '1' });
    world.secrets.calls.length = 0;
    const desired = merged({ A: '1', B: '1', D: '1' });
    const observed = await world.target.observe('web/app', desired, world.entry, { signal });
    expect(observed).toMatchObject({ state: 'ours', drifted: false, actual: { shape: 'merged' } });
    const keys = observed.state === 'ours' ? observed.actual?.keys : undefined;
    expect([...(keys?.keys() ?? [])].toSorted()).toEqual(['A', 'B', 'C']);
    expect(keys?.get('A')).toBe(world.target.fingerprint(desired).keys.get('A'));
    expect(keys?.get('B')).not.toBe(world.target.fingerprint(desired).keys.get('B'));
    expect(world.secrets.calls).toEqual(['GET', 'PUT dry']);
  });

  test('of what would go', async () => {
    const world = createWorld();
    world.stranger({ theirs: 'x' });
    await world.put(merged({ A: '1' }));
    expect(await world.target.observe('web/app', undefined, world.entry, { signal })).toMatchObject({ state: 'ours' });
    world.secrets.live.clear();
    expect(await world.target.observe('web/app', undefined, world.entry, { signal })).toEqual({ state: 'absent' });
  });
});

test('two agents in one Secret keep to their own keys', async () => {
  const world = createWorld('look');
  world.labelled({ [MERGE_LABEL]: 'hikyaku.other' });
  const access = { agent: 'other', proof: 'look' } as const;
  const other = new KubernetesTarget({ client: world.client, access, hmacKey: new Uint8Array(32).fill(1) });
  await world.put(merged({ A: '1' }));
  const keys = new Map([['B', { source: 'nas', intended: [...other.fingerprint(merged({ B: '2' })).keys.values()] }]]);
  const entry = entryOf({ existing: 'merge', keys });
  await other.put(merged({ B: '2' }), entry, { signal });
  await expect(other.put(merged({ A: 'x' }), entry, { signal })).rejects.toMatchObject({ code: 'FOREIGN' });
  expect(await world.put(merged({ A: '1' }))).toBe('unchanged');
  expect(await world.remove()).toBe('withdrawn');
  expect(world.values).toMatchObject({ theirs: 'chart', B: '2' });
  expect(world.values).not.toHaveProperty('A');
});
