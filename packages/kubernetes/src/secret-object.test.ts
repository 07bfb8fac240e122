import { describe, expect, test } from 'vitest';
import { desiredOf } from './memory-kube.test.kit.ts';
import { fingerprintOfDesired, fingerprintOfLive, secretObject } from './secret-object.ts';

const hmacKey = new Uint8Array(32).fill(7);

describe('the object as it is written', () => {
  test('is exactly this', () => {
    const desired = desiredOf(
      { A: 'x', 'b.bin': Uint8Array.of(0, 255) },
      { labels: { team: 'web' }, annotations: { note: 'y' } },
    );
    expect(secretObject(desired, 'hikyaku')).toEqual({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        namespace: 'web',
        name: 'app',
        labels: { team: 'web', 'app.kubernetes.io/managed-by': 'hikyaku', 'hikyaku.dev/agent': 'hikyaku' },
        annotations: {
          note: 'y',
          'hikyaku.dev/sources': 'homelab',
          'kustomize.toolkit.fluxcd.io/prune': 'disabled',
        },
      },
      type: 'Opaque',
      data: { A: 'eA==', 'b.bin': 'AP8=' },
    });
  });

  test('immutable is said only where it is wanted', () => {
    expect(secretObject(desiredOf({}, { immutable: true }), 'hikyaku').immutable).toBe(true);
    expect(secretObject(desiredOf({}), 'hikyaku')).not.toHaveProperty('immutable');
  });

  test('our labels and annotations win over those of the config', () => {
    const desired = desiredOf(
      {},
      {
        labels: { 'hikyaku.dev/agent': 'evil', 'app.kubernetes.io/managed-by': 'Helm' },
        annotations: { 'hikyaku.dev/sources': 'evil', 'kustomize.toolkit.fluxcd.io/prune': 'enabled' },
      },
    );
    expect(secretObject(desired, 'hikyaku').metadata).toMatchObject({
      labels: { 'hikyaku.dev/agent': 'hikyaku', 'app.kubernetes.io/managed-by': 'hikyaku' },
      annotations: { 'hikyaku.dev/sources': '', 'kustomize.toolkit.fluxcd.io/prune': 'disabled' },
    });
  });

  test('the sources are named in order, each once', () => {
    const { data: nas } = desiredOf({ C: '1', D: '2' }, { source: 'nas' });
    const { data: lab } = desiredOf({ A: '1' });
    const desired = desiredOf({}, { data: new Map([...nas, ...lab]) });
    expect(secretObject(desired, 'hikyaku').metadata.annotations?.['hikyaku.dev/sources']).toBe('homelab,nas');
  });

  test('no key is lost, whatever it is called', () => {
    const { data } = desiredOf({ x: 'v' });
    const value = data.get('x');
    const names = ['__proto__', 'constructor', 'toString'];
    const desired = desiredOf({}, { data: new Map(names.flatMap((name) => (value ? [[name, value]] : []))) });
    const text = JSON.stringify(secretObject(desired, 'hikyaku').data);
    expect(text).toBe('{"__proto__":"dg==","constructor":"dg==","toString":"dg=="}');
  });
});

describe('fingerprints', () => {
  const desired = desiredOf({ A: 'x', B: 'x' }, { labels: { b: '1', a: '2' } });
  const before = fingerprintOfDesired(desired, 'hikyaku', hmacKey);

  test('the live Secret that was written has the same', () => {
    expect(fingerprintOfLive(secretObject(desired, 'hikyaku'), hmacKey)).toEqual(before);
  });

  test('tell nothing: neither the value, nor that two are equal', () => {
    const other = fingerprintOfDesired({ ...desired, id: 'web/other', name: 'other' }, 'hikyaku', hmacKey);
    const texts = [...before.keys.values(), ...other.keys.values()];
    expect(new Set(texts).size).toBe(4);
    for (const text of texts) expect(text).toMatch(/^[\w-]{22}$/);
    expect(fingerprintOfDesired(desired, 'hikyaku', new Uint8Array(32)).keys.get('A')).not.toBe(before.keys.get('A'));
  });

  test('the order of labels does not matter', () => {
    const turned = { ...desired, labels: { a: '2', b: '1' } };
    expect(fingerprintOfDesired(turned, 'hikyaku', hmacKey)).toEqual(before);
  });

  test.each<[string, object]>([
    ['type', { type: 'other' }],
    ['immutable', { immutable: true }],
    ['labels', { labels: { a: '2' } }],
    ['annotations', { annotations: { x: 'y' } }],
  ])('%s changes the shape and no key', (_, more) => {
    const after = fingerprintOfDesired({ ...desired, ...more }, 'hikyaku', hmacKey);
    expect(after.shape).not.toBe(before.shape);
    expect(after.keys).toEqual(before.keys);
  });

  test.each<[string, object]>([
    ['an owner', { ownerReferences: [{ apiVersion: 'v1', kind: 'X', name: 'x', uid: 'u' }] }],
    ['a finalizer', { finalizers: ['x/y'] }],
    ['an annotation', { annotations: { evil: '1' } }],
  ])('%s that somebody else put there makes its shape another', (_, more) => {
    const live = secretObject(desired, 'hikyaku');
    const after = fingerprintOfLive({ ...live, metadata: { ...live.metadata, ...more } }, hmacKey);
    expect(after.shape).not.toBe(before.shape);
  });
});
