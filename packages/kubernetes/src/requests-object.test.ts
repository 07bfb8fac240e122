import { expect, test } from 'vitest';
import { AGENT, kubeError, memoryKube, signal } from './memory-kube.test.kit.ts';
import { openRequests, RequestsObject } from './requests-object.ts';

const NOW = Date.UTC(2026, 0, 1);
const at = (ms: number) => new Date(ms).toISOString();

function world(data: Readonly<Record<string, string>> = {}) {
  const { client, configMaps } = memoryKube();
  const metadata = { namespace: AGENT, name: 'hikyaku-request' };
  configMaps.put({ metadata, data });
  const object = new RequestsObject(client, metadata);
  const live = () => configMaps.live.get(`${AGENT}/hikyaku-request`);
  return { configMaps, object, live, data: () => live()?.data ?? {} };
}

test('what is asked is found, and its answer by who has asked', async () => {
  const { object, live } = world();
  const id = await object.ask({ kind: 'refresh' }, { signal });
  expect(id).toMatch(/^[0-9a-f]{16}$/);
  expect(openRequests(await object.read({ signal }))).toEqual([{ id, value: { kind: 'refresh' } }]);
  expect(await object.answerOf(id, { signal })).toBeUndefined();
  await object.answer(new Map([[id, { state: 'done', at: at(NOW) }]]), NOW, { signal });
  expect(await object.answerOf(id, { signal })).toEqual({ state: 'done', at: at(NOW) });
  const after = live();
  expect(after && openRequests(after)).toEqual([]);
});

test('two who ask at once are both heard', async () => {
  const { object, configMaps, data } = world();
  configMaps.meanwhile = (call) => {
    if (call !== 'PUT') return;
    configMaps.meanwhile = () => {};
    configMaps.put(
      { metadata: { namespace: AGENT, name: 'hikyaku-request' }, data: { '00000000000000aa': '{}' } },
      'uid',
    );
  };
  const id = await object.ask({ kind: 'status' }, { signal });
  expect(Object.keys(data()).toSorted()).toEqual(['00000000000000aa', id].toSorted());
});

test('a request is claimed once, and not at all when it was taken back', async () => {
  const { object, data } = world();
  const [one, two] = [await object.ask({}, { signal }), await object.ask({}, { signal })];
  expect(await object.claim(one, NOW, { signal })).toBe(true);
  expect(await object.claim(one, NOW, { signal })).toBe(false);
  expect(await object.withdraw(one, { signal })).toBe(false);
  expect(await object.withdraw(two, { signal })).toBe(true);
  expect(await object.claim(two, NOW, { signal })).toBe(false);
  expect(Object.keys(data()).toSorted()).toEqual([one, `${one}.done`]);
});

test('a claim of which nobody knows whether it has arrived is no claim', async () => {
  const { object, configMaps, data } = world();
  const id = await object.ask({}, { signal });
  configMaps.after = () => {
    throw kubeError('UNAVAILABLE');
  };
  await expect(object.claim(id, NOW, { signal })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  // It has, and whoever looks again finds nothing open.
  expect(Object.keys(data())).toContain(`${id}.done`);
});

test('an answer takes out what is old, too much or nonsense, and leaves what replicas tell each other', async () => {
  const ids = Array.from({ length: 80 }, (_, index) => index.toString(16).padStart(16, '0'));
  const old = '00000000000000f0';
  const { object, data } = world({
    ...Object.fromEntries(
      ids.flatMap((id, index) => [
        [id, '{}'] as const,
        [`${id}.done`, JSON.stringify({ state: 'done', at: at(NOW - index) })] as const,
      ]),
    ),
    [old]: '{}',
    [`${old}.done`]: JSON.stringify({ state: 'done', at: at(NOW - 700_000) }),
    junk: 'x'.repeat(500_000),
    'notice.homelab': 'told',
    '00000000000000ff': '{}',
  });
  await object.answer(new Map([['00000000000000ff', { state: 'done', at: at(NOW) }]]), NOW, { signal });
  const kept = Object.keys(data());
  expect(kept).not.toContain('junk');
  expect(kept).not.toContain(old);
  expect(kept).toContain('notice.homelab');
  expect(kept).toContain('00000000000000ff.done');
  expect(kept.filter((key) => key.endsWith('.done'))).toHaveLength(64);
});

test('however much stands there, a few requests are looked at, and none that is too long', () => {
  const ids = Array.from({ length: 500 }, (_, index) => index.toString(16).padStart(16, '0'));
  const data = Object.fromEntries(ids.map((id) => [id, `"${'x'.repeat(3_000)}"`]));
  const open = openRequests({ metadata: { namespace: AGENT, name: 'x' }, data });
  expect(open).toHaveLength(32);
  expect(new Set(open.map(({ value }) => value))).toEqual(new Set([undefined]));
});

test('an answer that would not fit is its state alone', async () => {
  const { object } = world();
  const id = await object.ask({}, { signal });
  const answer = { state: 'done', at: at(NOW), changed: 'x'.repeat(100_000) };
  await object.answer(new Map([[id, answer]]), NOW, { signal });
  expect(await object.answerOf(id, { signal })).toEqual({ state: 'done', at: at(NOW), cut: true });
});
