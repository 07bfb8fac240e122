import type { DesiredSecret, InventoryEntry } from '@hikyaku/engine';
import { describe, expect, test } from 'vitest';
import { KubernetesTarget } from './kubernetes-target.ts';
import {
  AGENT,
  desiredOf,
  entryOf,
  kubeError,
  memoryKube,
  signal,
  unchangeable,
  withPolicy,
} from './memory-kube.test.kit.ts';
import { AGENT_LABEL } from './ownership.ts';
import type { Access } from './ownership.ts';
import { secretObject } from './secret-object.ts';

function createWorld(proof: Access['proof'] = 'policy') {
  const kube = memoryKube();
  const { secrets } = kube;
  if (proof === 'policy') withPolicy(secrets);
  else secrets.admit = unchangeable;
  const target = new KubernetesTarget({
    client: kube.client,
    access: { agent: AGENT, proof },
    hmacKey: new Uint8Array(32),
  });
  return {
    secrets,
    target,
    /** As put by us before: what the inventory then knows. */
    async applied(desired: DesiredSecret = desiredOf({ A: '1' })): Promise<InventoryEntry> {
      const { uid, resourceVersion } = await target.put(desired, undefined, { signal });
      secrets.calls.length = 0;
      return entryOf({ uid, resourceVersion });
    },
    /** What somebody else writes there. */
    stranger(desired: DesiredSecret, more: { readonly ours?: boolean; readonly uid?: string | undefined } = {}): void {
      const object = secretObject(desired, AGENT);
      const labels = more.ours ? { [AGENT_LABEL]: AGENT } : {};
      secrets.put({ ...object, metadata: { ...object.metadata, labels } }, more.uid);
    },
    get live() {
      return secrets.live.get('web/app');
    },
  };
}

const one = desiredOf({ A: '1' });
const two = desiredOf({ A: '2' });
/** Its uid is unknown, or was forgotten so that it can be made again. */
const forgotten = entryOf({ shape: 's' });
const B64 = { '1': 'MQ==', '2': 'Mg==' };

describe.each<Access['proof']>(['policy', 'look'])('put, proof by %s', (proof) => {
  const look = proof === 'policy' ? 'PUT dry' : 'GET';
  const first = proof === 'policy' ? [] : [look];

  test('nothing is there: one POST', async () => {
    const world = createWorld(proof);
    expect(await world.target.put(one, undefined, { signal })).toMatchObject({ outcome: 'created' });
    expect(world.secrets.calls).toEqual(['POST']);
    expect(world.live?.data).toEqual({ A: B64['1'] });
  });

  test('an equal one: one PUT that writes nothing', async () => {
    const world = createWorld(proof);
    const entry = await world.applied();
    const { uid, resourceVersion } = entry;
    expect(await world.target.put(one, entry, { signal })).toEqual({ outcome: 'unchanged', uid, resourceVersion });
    expect(world.secrets.calls).toEqual([...first, 'PUT']);
  });

  test('a change: one PUT', async () => {
    const world = createWorld(proof);
    const entry = await world.applied();
    const put = await world.target.put(two, entry, { signal });
    expect(put).toMatchObject({ outcome: 'updated', uid: entry.uid });
    expect(put.resourceVersion).toBe(world.live?.metadata.resourceVersion);
    expect(world.secrets.calls).toEqual([...first, 'PUT']);
  });

  test('somebody changed it: looked at and repaired', async () => {
    const world = createWorld(proof);
    const entry = await world.applied();
    world.stranger(desiredOf({ A: 'x', NODE_OPTIONS: 'evil' }), { ours: true, uid: entry.uid });
    expect(await world.target.put(one, entry, { signal })).toMatchObject({ outcome: 'repaired', uid: entry.uid });
    expect(world.secrets.calls).toEqual(proof === 'policy' ? ['PUT', look, 'PUT'] : [look, 'PUT']);
    expect(world.live?.data).toEqual({ A: B64['1'] });
  });

  test('who else manages what was repaired is said, where that shows', async () => {
    const world = createWorld(proof);
    const entry = await world.applied();
    world.stranger(desiredOf({ A: 'x' }), { ours: true, uid: entry.uid });
    if (world.live === undefined) throw new Error('nothing is there');
    const managedFields = [{ manager: 'hikyaku' }, { manager: 'kustomize-controller' }, { manager: 'a b\nc' }];
    world.secrets.live.set('web/app', { ...world.live, metadata: { ...world.live.metadata, managedFields } });
    const { others } = await world.target.put(one, entry, { signal });
    // The answers of this fake to a PUT name nobody.
    expect(others).toEqual(proof === 'look' ? ['kustomize-controller'] : undefined);
    expect(world.target.howToFindOthers('web/app')).toBe(
      "kubectl get secret app --namespace web --output jsonpath='{.metadata.managedFields[*].manager}'",
    );
  });

  test('somebody changed it to what is wanted, all of it: nothing is written', async () => {
    const world = createWorld(proof);
    const entry = await world.applied();
    world.secrets.put(secretObject(two, AGENT), entry.uid);
    expect(await world.target.put(two, entry, { signal })).toMatchObject({ outcome: 'unchanged' });
  });

  test('somebody deleted it: made again, once the inventory has forgotten the uid', async () => {
    const world = createWorld(proof);
    const entry = await world.applied();
    world.secrets.live.clear();
    await expect(world.target.put(one, entry, { signal })).rejects.toMatchObject({ code: 'GONE' });
    expect(await world.target.put(one, entryOf({ shape: 's' }), { signal })).toMatchObject({ outcome: 'repaired' });
    expect(world.secrets.calls).toEqual([proof === 'policy' ? 'PUT' : look, 'POST']);
  });

  test('somebody made it again without our label: refused', async () => {
    const world = createWorld(proof);
    const entry = await world.applied();
    world.stranger(two);
    await expect(world.target.put(one, entry, { signal })).rejects.toMatchObject({ code: 'FOREIGN' });
    expect(world.live?.data).toEqual({ A: B64['2'] });
  });

  test('somebody took the label off: refused', async () => {
    const world = createWorld(proof);
    const entry = await world.applied();
    world.stranger(one, { uid: entry.uid });
    await expect(world.target.put(two, entry, { signal })).rejects.toMatchObject({ code: 'FOREIGN' });
    expect(world.live?.data).toEqual({ A: B64['1'] });
  });

  test('the name is taken by somebody else’s: refused, with how to hand it over', async () => {
    const world = createWorld(proof);
    world.stranger(two);
    await expect(world.target.put(one, undefined, { signal })).rejects.toThrow(
      `kubectl label secret app --namespace web ${AGENT_LABEL}=${AGENT}`,
    );
    expect(world.secrets.calls).toEqual(['POST', look]);
    expect(world.live?.data).toEqual({ A: B64['2'] });
  });

  test('its owner has handed it over: taken, old keys and all', async () => {
    const world = createWorld(proof);
    world.stranger(desiredOf({ OLD: 'x' }), { ours: true });
    expect(await world.target.put(one, undefined, { signal })).toMatchObject({ outcome: 'adopted' });
    expect(world.live?.data).toEqual({ A: B64['1'] });
    expect(world.secrets.calls).toEqual(['POST', look, 'PUT']);
  });

  test('a crash lost the uid: found again', async () => {
    const world = createWorld(proof);
    const { uid } = await world.applied();
    expect(await world.target.put(one, entryOf(), { signal })).toMatchObject({ outcome: 'adopted', uid });
  });

  test('somebody who never stops changing it ends in a conflict', async () => {
    const world = createWorld(proof);
    const entry = await world.applied();
    world.secrets.meanwhile = (call) => {
      if (call === 'PUT') world.stranger(desiredOf({ A: 'x' }), { ours: true, uid: entry.uid });
    };
    await expect(world.target.put(one, entry, { signal })).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(world.secrets.calls.length).toBeLessThan(10);
  });

  test('a missing namespace is waited for', async () => {
    const world = createWorld(proof);
    world.secrets.admit = (verb) => {
      if (verb === 'POST') throw kubeError('NOT_FOUND', { kind: 'namespaces' });
    };
    await expect(world.target.put(one, undefined, { signal })).rejects.toMatchObject({ code: 'NAMESPACE_MISSING' });
  });

  test('the signal’s reason comes through', async () => {
    const world = createWorld(proof);
    const stop = new AbortController();
    world.secrets.meanwhile = () => {
      stop.abort(new Error('stopped'));
      throw new Error('something else');
    };
    await expect(world.target.put(one, undefined, { signal: stop.signal })).rejects.toThrow('stopped');
  });

  describe('what cannot change in place', () => {
    const typed = desiredOf({ A: '1' }, { type: 'example.com/x' });
    const again = { ...typed, recreate: true };

    test('is refused', async () => {
      const world = createWorld(proof);
      const entry = await world.applied();
      await expect(world.target.put(typed, entry, { signal })).rejects.toMatchObject({ code: 'UNCHANGEABLE' });
      expect(world.secrets.calls).toEqual([...first, 'PUT']);
    });

    test('is made again where its entry says so: once the inventory has forgotten the uid, and after a try', async () => {
      const world = createWorld(proof);
      const entry = await world.applied();
      await expect(world.target.put(again, entry, { signal })).rejects.toMatchObject({ code: 'GONE' });
      expect(world.live?.metadata.uid).toBe(entry.uid);
      world.secrets.calls.length = 0;
      const put = await world.target.put(again, forgotten, { signal });
      expect(put.outcome).toBe('recreated');
      expect(put.uid).not.toBe(entry.uid);
      expect(world.secrets.calls.slice(-3)).toEqual(['POST dry', 'DELETE', 'POST']);
      expect(world.live?.type).toBe('example.com/x');
    });

    test('also the data of an immutable one', async () => {
      const world = createWorld(proof);
      const entry = await world.applied({ ...one, immutable: true });
      const changed = { ...two, immutable: true };
      await expect(world.target.put(changed, entry, { signal })).rejects.toMatchObject({ code: 'UNCHANGEABLE' });
      const put = await world.target.put({ ...changed, recreate: true }, forgotten, { signal });
      expect(put.outcome).toBe('recreated');
      expect(world.live?.data).toEqual({ A: B64['2'] });
    });

    test('is not deleted when the new one would be refused', async () => {
      const world = createWorld(proof);
      await world.applied();
      const { admit } = world.secrets;
      world.secrets.admit = (verb, after, before) => {
        if (verb === 'POST' && after?.type === typed.type) {
          throw kubeError('INVALID', { policy: 'p', policyMessage: 'hikyaku: the type is reserved' });
        }
        admit(verb, after, before);
      };
      await expect(world.target.put(again, forgotten, { signal })).rejects.toMatchObject({ code: 'NOT_GRANTED' });
      expect(world.live?.data).toEqual({ A: B64['1'] });
      expect(world.secrets.calls).not.toContain('DELETE');
    });

    test('is not deleted when only the try says that the new one would be refused', async () => {
      const world = createWorld(proof);
      await world.applied();
      let posts = 0;
      world.secrets.meanwhile = (call) => {
        if (!call.startsWith('POST')) return;
        if (++posts === 2) throw kubeError('FORBIDDEN', { quota: 'small' });
      };
      await expect(world.target.put(again, forgotten, { signal })).rejects.toMatchObject({ code: 'FORBIDDEN' });
      expect(world.secrets.calls).not.toContain('DELETE');
      expect(world.live?.data).toEqual({ A: B64['1'] });
    });

    test('of somebody else’s is refused as such, and never deleted', async () => {
      const world = createWorld(proof);
      world.stranger(two);
      await expect(world.target.put(again, undefined, { signal })).rejects.toMatchObject({ code: 'FOREIGN' });
      expect(world.live?.data).toEqual({ A: B64['2'] });
    });

    test('a stranger’s that came between is not deleted', async () => {
      const world = createWorld(proof);
      await world.applied();
      world.secrets.meanwhile = (call) => {
        if (call === 'DELETE') world.stranger(two);
      };
      await expect(world.target.put(again, forgotten, { signal })).rejects.toMatchObject({ code: 'CONFLICT' });
      expect(world.live?.data).toEqual({ A: B64['2'] });
    });

    test('one that its owner handed over is deleted and made again', async () => {
      const world = createWorld(proof);
      world.stranger(two, { ours: true });
      expect(await world.target.put(again, undefined, { signal })).toMatchObject({ outcome: 'recreated' });
      expect(world.live?.type).toBe('example.com/x');
    });
  });
});

test('an inventory that names somebody else’s Secret is no proof for a person’s rights', async () => {
  const world = createWorld('look');
  world.stranger(two);
  const { uid = '', resourceVersion = '' } = world.live?.metadata ?? {};
  await expect(world.target.put(one, entryOf({ uid, resourceVersion }), { signal })).rejects.toMatchObject({
    code: 'FOREIGN',
  });
  expect(world.live?.data).toEqual({ A: B64['2'] });
});

test('nothing is deleted while the grants are missing, though the API server would let it', async () => {
  const world = createWorld('policy');
  const entry = await world.applied();
  const { admit } = world.secrets;
  world.secrets.admit = (verb, after, before) => {
    if (verb === 'POST') throw kubeError('INVALID', { policy: 'hikyaku-own', policyParametersMissing: true });
    admit(verb, after, before);
  };
  for (const known of [entry, entryOf()]) {
    await expect(world.target.remove(known, { signal })).rejects.toMatchObject({
      code: 'NOT_GRANTED',
      message: expect.stringContaining('hikyaku-grants'),
    });
  }
  expect(world.live?.data).toEqual({ A: B64['1'] });
});

test('when the policy has gone since the start, a write that passes proves nothing', async () => {
  const world = createWorld('policy');
  world.stranger(two);
  world.secrets.admit = () => {};
  await expect(world.target.put(one, undefined, { signal })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  const { uid = '' } = world.live?.metadata ?? {};
  await expect(world.target.remove(entryOf({ uid }), { signal })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  expect(world.live?.data).toEqual({ A: B64['2'] });
});

describe.each<Access['proof']>(['policy', 'look'])('remove, proof by %s', (proof) => {
  test('ours is deleted', async () => {
    const world = createWorld(proof);
    const entry = await world.applied();
    expect(await world.target.remove(entry, { signal })).toBe('deleted');
    expect(world.live).toBeUndefined();
  });

  test('one that is gone is an answer', async () => {
    const world = createWorld(proof);
    const entry = await world.applied();
    world.secrets.live.clear();
    expect(await world.target.remove(entry, { signal })).toBe('absent');
    expect(await world.target.remove(entryOf(), { signal })).toBe('absent');
  });

  test('one of another uid stays, also with our label', async () => {
    const world = createWorld(proof);
    const entry = await world.applied();
    world.stranger(two, { ours: true });
    expect(await world.target.remove(entry, { signal })).toBe('foreign');
    expect(world.live?.data).toEqual({ A: B64['2'] });
  });

  test('one that lost our label stays', async () => {
    const world = createWorld(proof);
    const entry = await world.applied();
    world.stranger(one, { uid: entry.uid });
    expect(await world.target.remove(entry, { signal })).toBe('foreign');
    expect(world.live).toBeDefined();
  });

  test('where a crash lost the uid, ours is deleted and another’s stays', async () => {
    const world = createWorld(proof);
    await world.applied();
    expect(await world.target.remove(entryOf(), { signal })).toBe('deleted');
    world.stranger(two);
    expect(await world.target.remove(entryOf(), { signal })).toBe('foreign');
    expect(world.live).toBeDefined();
  });

  test('an API server that is down is an error', async () => {
    const world = createWorld(proof);
    const entry = await world.applied();
    world.secrets.admit = () => {
      throw kubeError('UNAVAILABLE');
    };
    await expect(world.target.remove(entry, { signal })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});

test('without the policy a Secret of unknown owner is not touched by who may not look', async () => {
  const world = createWorld('look');
  world.stranger(two, { ours: true });
  world.secrets.admit = (verb) => {
    if (verb === 'GET') throw kubeError('FORBIDDEN');
  };
  await expect(world.target.put(one, undefined, { signal })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  expect(world.live?.data).toEqual({ A: B64['2'] });
});

describe.each<Access['proof']>(['policy', 'look'])('observe, proof by %s', (proof) => {
  test('writes nothing, whatever is there', async () => {
    const world = createWorld(proof);
    const observe = (desired: DesiredSecret | undefined, entry: InventoryEntry | undefined) =>
      world.target.observe('web/app', desired, entry, { signal });
    expect(await observe(one, undefined)).toEqual({ state: 'absent' });
    expect(await observe(undefined, entryOf())).toEqual({ state: 'absent' });
    const entry = await world.applied();
    expect(await observe(two, entry)).toMatchObject({ state: 'ours', drifted: false });
    expect(await observe(undefined, entry)).toMatchObject({ state: 'ours' });
    world.stranger(two);
    expect(await observe(one, entry)).toMatchObject({ state: 'refused', error: { code: 'FOREIGN' } });
    expect(await observe(undefined, entry)).toMatchObject({ state: 'refused', error: { code: 'FOREIGN' } });
    expect(world.secrets.calls.filter((call) => !call.endsWith(' dry') && call !== 'GET')).toEqual([]);
  });

  test('what a create or a change would be refused for is said', async () => {
    const world = createWorld(proof);
    world.secrets.admit = (verb) => {
      if (verb === 'POST') throw kubeError('NOT_FOUND', { kind: 'namespaces' });
    };
    expect(await world.target.observe('web/app', one, undefined, { signal })).toMatchObject({
      state: 'refused',
      error: { code: 'NAMESPACE_MISSING' },
    });
  });

  test('what cannot change in place is refused, or would be made again', async () => {
    const world = createWorld(proof);
    const entry = await world.applied();
    const typed = desiredOf({ A: '1' }, { type: 'example.com/x' });
    expect(await world.target.observe('web/app', typed, entry, { signal })).toMatchObject({
      state: 'refused',
      error: { code: 'UNCHANGEABLE' },
    });
    const again = { ...typed, recreate: true };
    expect(await world.target.observe('web/app', again, entry, { signal })).toMatchObject({ state: 'ours' });
  });
});

test('drift shows by version under the policy, and by content after a look', async () => {
  const blind = createWorld('policy');
  const entry = await blind.applied();
  blind.stranger(desiredOf({ A: 'x' }), { ours: true, uid: entry.uid });
  expect(await blind.target.observe('web/app', one, entry, { signal })).toEqual({ state: 'ours', drifted: true });

  const seeing = createWorld('look');
  const known = await seeing.applied();
  const observed = await seeing.target.observe('web/app', one, known, { signal });
  expect(observed).toEqual({ state: 'ours', drifted: false, actual: seeing.target.fingerprint(one) });
});
