import { expect, test } from 'vitest';
import { AGENT, memoryKube, signal } from './memory-kube.test.kit.ts';
import { OWN } from './ownership.ts';
import { noticeKey, noticesIn, putRequests } from './requests.ts';
import type { AgentRequest } from './requests.ts';

const at = '2026-01-01T00:00:00.000Z';
const request = (more: Partial<AgentRequest> = {}): AgentRequest => ({ kind: 'notice', what: ['nas'], at, ...more });

function world(data: Readonly<Record<string, string>> = {}) {
  const { client, configMaps } = memoryKube();
  const metadata = { namespace: AGENT, name: OWN.request };
  configMaps.put({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...metadata, labels: { kept: 'yes' } }, data });
  const live = () => configMaps.live.get(`${AGENT}/${OWN.request}`);
  const put = (requests: ReadonlyMap<string, AgentRequest>) =>
    putRequests(client, { agent: AGENT }, requests, { signal });
  return { configMaps, live, put };
}

test('what is asked for stands beside what others have asked for', async () => {
  const { put, live } = world({ other: '{}' });
  await put(new Map([[noticeKey('nas'), request()]]));
  expect(live()).toMatchObject({
    metadata: { labels: { kept: 'yes' } },
    data: { other: '{}', 'notice.nas': JSON.stringify(request()) },
  });
});

test('somebody who writes at the same time loses nothing', async () => {
  const { put, live, configMaps } = world();
  configMaps.meanwhile = (call) => {
    if (call !== 'PUT') return;
    configMaps.meanwhile = () => {};
    const object = live();
    if (object !== undefined) configMaps.put({ ...object, data: { theirs: '{}' } }, object.metadata.uid);
  };
  await put(new Map([[noticeKey('nas'), request()]]));
  expect(Object.keys(live()?.data ?? {})).toEqual(['theirs', 'notice.nas']);
});

test('without the ConfigMap nothing is asked for', async () => {
  const { put, configMaps } = world();
  configMaps.live.clear();
  await expect(put(new Map([[noticeKey('nas'), request()]]))).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('another notice of a source is another text, and what else stands there is none', () => {
  const later = request({ at: '2026-01-01T00:00:01.000Z' });
  const data = (one: AgentRequest) => ({ data: { 'notice.nas': JSON.stringify(one), 'notice.NAS': '{}', x: '{}' } });
  expect([...noticesIn(data(request())).keys()]).toEqual(['nas']);
  expect(noticesIn(data(request())).get('nas')).not.toBe(noticesIn(data(later)).get('nas'));
  expect(noticesIn({}).size).toBe(0);
});
