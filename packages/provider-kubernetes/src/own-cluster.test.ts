import { connectKube, kubeConfigFromText } from '@hikyaku/kube-client';
import type { KubeClient } from '@hikyaku/kube-client';
import { createContext } from '@hikyaku/provider-testing';
import { SecretValue } from '@hikyaku/core';
import type { ReadRequest, SecretsClient } from '@hikyaku/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { codes, READ, rejection, startHub, texts, VALUE, WRITE } from './cluster.test.kit.ts';
import kubernetes from './index.ts';
import type { KubernetesContext } from './index.ts';
import { kubernetesConfig } from './kubernetes-config.ts';
import type { FakeApiServer } from './testing/index.ts';

let cluster: FakeApiServer;
let agent: KubeClient;
let opened: AsyncDisposableStack;

beforeEach(async () => {
  opened = new AsyncDisposableStack();
  cluster = opened.use(await startHub());
  const token = cluster.token(READ, WRITE, { verbs: ['get'], namespace: 'hikyaku' });
  agent = opened.use(connectKube(kubeConfigFromText(cluster.kubeconfig(token))));
});
afterEach(() => opened.disposeAsync());

function connect(config: object = {}, context: Partial<KubernetesContext> = {}): Promise<SecretsClient> {
  const settings = kubernetesConfig.parse({ namespace: 'web', secrets: ['app'], ...config });
  const ownCluster = { client: agent, agentNamespace: 'hikyaku' };
  const whole = { ...opened.use(createContext()), ownCluster, ...context };
  return Promise.resolve().then(() => kubernetes.connect(settings, whole));
}

const everything: ReadRequest = { all: true, refs: [], signal: AbortSignal.timeout(30_000), progress() {} };

test('is read by the client that the agent gives, and by nothing else', async () => {
  const client = await connect();
  expect(texts(await client.read(everything))).toEqual({ 'app/password': VALUE, 'app/url': 'postgres://db' });
  await client[Symbol.asyncDispose]?.();
  expect(texts(await client.read(everything))).toHaveProperty('app/url');
});

test('has no origin: its requests are not for a source’s connections', () => {
  const settings = kubernetesConfig.parse({ namespace: 'web' });
  expect(kubernetes.describe(settings)).toEqual({ identity: 'kubernetes own web', origins: [] });
});

test('the namespace of the agent can be no source', async () => {
  cluster.setSecret('hikyaku', 'hikyaku-identity', { key: VALUE });
  expect(await rejection(connect({ namespace: 'hikyaku' }))).toMatchObject({
    code: 'INVALID_CONFIG',
    message: expect.stringContaining("the agent's own"),
  });
  expect(cluster.requests).toEqual([]);
});

test('a Secret that this agent makes can be no source; one of another agent can', async () => {
  cluster.setSecret('web', 'mine', { a: '1' }, { labels: { 'hikyaku.dev/agent': 'hikyaku' } });
  cluster.setSecret('web', 'theirs', { b: '2' }, { labels: { 'hikyaku.dev/agent': 'another' } });
  const client = await connect({ secrets: ['mine', 'theirs'] });
  const snapshot = await client.read(everything);
  expect(texts(snapshot)).toEqual({ 'theirs/b': '2' });
  expect(codes(snapshot)).toEqual({ 'mine/a': 'INVALID_CONFIG' });
  expect(String(snapshot.unknown?.get('mine/a'))).toContain('web/mine is made by this agent itself');
});

test('the Secret of another tool that the agent has its keys from can be no source, and is not written to', async () => {
  cluster.setSecret('web', 'sops-age', { 'age.agekey': VALUE });
  const ownCluster = { client: agent, agentNamespace: 'hikyaku', identitySecret: 'web/sops-age' };
  const client = await connect({ secrets: ['app', 'sops-age'] }, { ownCluster });
  const snapshot = await client.read(everything);
  expect(texts(snapshot)).toEqual({ 'app/password': VALUE, 'app/url': 'postgres://db' });
  expect(codes(snapshot)).toEqual({ 'sops-age/age.agekey': 'INVALID_CONFIG' });
  const changes = [{ name: 'sops-age/age.agekey', value: SecretValue.of('2') }];
  expect(await client.write?.(changes, { signal: AbortSignal.timeout(5_000) })).toMatchObject([
    { error: { code: 'INVALID_CONFIG', message: expect.stringContaining('web/sops-age has the keys') } },
  ]);
});

test('a Secret that this agent makes is not written to', async () => {
  cluster.setSecret('web', 'mine', { a: '1' }, { labels: { 'hikyaku.dev/agent': 'hikyaku' } });
  const client = await connect();
  const changes = [{ name: 'mine/a', value: SecretValue.of('2') }];
  expect(await client.write?.(changes, { signal: AbortSignal.timeout(5_000) })).toMatchObject([
    { name: 'mine/a', error: { code: 'INVALID_CONFIG' } },
  ]);
  expect(cluster.requests.some(({ verb }) => verb === 'update')).toBe(false);
});

test('where there is none, it is a mistake in the config', async () => {
  const settings = kubernetesConfig.parse({ namespace: 'web' });
  const context = opened.use(createContext());
  expect(() => kubernetes.connect(settings, context)).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG' }));
});

test.each([
  ['a kubeconfig without server', {}, { credentialPaths: ['kubeconfig'] }, '`kubeconfig` needs `server`'],
  ['a server without kubeconfig', { server: 'https://hub.test' }, {}, '`server` needs `kubeconfig`'],
])('%s is a mistake in the config', async (_, config, context, message) => {
  expect(await rejection(connect(config, context))).toMatchObject({
    code: 'INVALID_CONFIG',
    message: expect.stringContaining(message),
  });
});
